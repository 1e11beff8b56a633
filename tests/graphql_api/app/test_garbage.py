"""A process that serves looks for garbage rarely, and never among what it was built of."""

import gc
from collections.abc import Iterator

import pytest

from graphql_api.app.garbage import YOUNG, collect_rarely


@pytest.fixture
def collecting() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collecting")
def test_what_is_there_is_left_alone_and_what_comes_is_looked_at_rarely() -> None:
    collect_rarely()

    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] == YOUNG
    assert gc.isenabled()

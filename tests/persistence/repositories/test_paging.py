"""Keyset pages: positions that are total, survive inserts between them, and can't be made up."""

from __future__ import annotations

import base64
import random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.pages import PageRequest
from persistence.repositories.paging import MAX_POSITION, _decoded
from persistence.tables.conversations import runs, sessions
from tests.worlds import World

ORDER = (sessions.c.updated_at, sessions.c.id)


def position(*parts: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


async def test_every_row_is_met_once_whatever_is_inserted_meanwhile(world: World) -> None:
    owner = await world.owner()
    chance = random.Random(7)
    first = [await world.session(owner, f"{number}") for number in range(12)]
    met: list[object] = []
    request = PageRequest(5)
    while True:
        page = await world.read(owner, lambda p: p.sessions.page(request, search=None))  # noqa: B023 - read in this round
        met += [session.id for session in page.nodes]
        if not page.has_next:
            break
        world.clock.advance(chance.random())
        await world.session(owner, "new")
        request = PageRequest(5, page.positions[-1])

    assert len(met) == len(set(met))
    assert set(first) <= set(met)


@given(st.text(max_size=MAX_POSITION + 5))
def test_any_text_is_a_position_of_the_list_or_refused(text: str) -> None:
    refused = None
    for backward in (False, True):
        try:
            assert set(_decoded(PageRequest(1, text, backward), ORDER)) == {"page_0", "page_1"}
        except Invalid as problem:
            refused = problem
    assert refused is None or [field.path for field in refused.fields] == [("before",)]


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (1,),
        (1, "0" * 32, 1),
        (1, 2),
        ("0" * 32, 1),
        (1.5, "0" * 32),
        (True, "0" * 32),
        (None, "0" * 32),
        (1, "not an id"),
        (1, None),
        (2**63, "0" * 32),
        (-(2**63), "0" * 32),
        (2**62, "0" * 32),
    ],
)
def test_a_made_up_position_is_refused(parts: tuple[object, ...]) -> None:
    with pytest.raises(Invalid, match="not a cursor of this list"):
        _decoded(PageRequest(1, position(*parts)), ORDER)


@pytest.mark.parametrize("text", ["a b", "ä", position({}), "e30", "bnVsbA"])
def test_a_position_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        _decoded(PageRequest(1, text), ORDER)


@given(at=st.integers(-(10**15), 10**15), number=st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_position_that_was_given_out_is_read_as_it_was(at: int, number: int) -> None:
    moment = _decoded(PageRequest(1, position(at, "0" * 31 + "1")), ORDER)
    place = _decoded(PageRequest(1, position(number, "0" * 32)), (runs.c.position, runs.c.id))

    assert moment["page_1"].int == 1
    assert place["page_0"] == number

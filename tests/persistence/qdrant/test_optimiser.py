"""An attempt to build graphs that fails costs its copy only, and the next one waits."""

import errno
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from domain.memory.ports import Tenant
from persistence.qdrant import generations
from persistence.qdrant.bm25 import Bm25
from persistence.qdrant.journal import MAX_POINTS
from persistence.qdrant.optimiser import BUILD, FIRST_BACKOFF_S, Optimiser, Stage
from persistence.qdrant.shard import Shard
from tests.persistence.qdrant.conftest import PATIENT_S
from tests.persistence.qdrant.points import SPACE, a_point, a_query

NAME = SPACE.name
FAILS = (sys.executable, "-c", "raise SystemExit(3)")
NEVER_ENDS = (sys.executable, "-c", "import time; time.sleep(1_000)")


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shards(tmp_path: Path, tenant: Tenant) -> Iterator[dict[str, Shard]]:
    """One shard with one point."""
    shard = Shard.create(tmp_path / NAME, dimension=SPACE.dimension, words=Bm25())
    shard.upsert(tenant, [a_point()])
    shards = {NAME: shard}
    yield shards
    shards[NAME].close()


def until(fulfilled: Callable[[], bool], optimiser: Optimiser) -> None:
    end_s = time.monotonic() + PATIENT_S
    while not fulfilled():
        assert time.monotonic() < end_s
        optimiser.step()
        time.sleep(0.005)


def assert_as_it_was(shards: dict[str, Shard], tenant: Tenant, folder: Path) -> None:
    assert [each.name for each in folder.iterdir() if each.is_dir()] == [NAME]
    assert shards[NAME].journal is None
    shards[NAME].upsert(tenant, [a_point()])
    assert len(shards[NAME].search(tenant, a_query())) == 2


def test_nothing_is_built_while_little_was_written(shards: dict[str, Shard], clock: Clock) -> None:
    optimiser = Optimiser(shards, clock=clock)

    optimiser.step()

    assert optimiser.stage(NAME) is Stage.IDLE
    assert optimiser.patience_s is None
    optimiser.close()


def test_enough_that_was_written_begins_an_attempt_by_itself(
    shards: dict[str, Shard], clock: Clock, tenant: Tenant
) -> None:
    optimiser, old = Optimiser(shards, clock=clock), shards[NAME]
    old.unoptimised = 10_000_000

    optimiser.step()

    assert optimiser.is_holding(NAME)
    until(lambda: shards[NAME] is not old, optimiser)
    assert shards[NAME].unoptimised == 0
    assert shards[NAME].count(tenant) == 1
    optimiser.close()


def test_a_build_that_fails_is_tried_again_later_and_later(
    shards: dict[str, Shard], clock: Clock, tenant: Tenant, tmp_path: Path
) -> None:
    optimiser = Optimiser(shards, build=FAILS, clock=clock)
    shards[NAME].unoptimised = 10_000_000
    for backoff_s in (FIRST_BACKOFF_S, 2 * FIRST_BACKOFF_S):
        optimiser.step()
        until(lambda: optimiser.stage(NAME) is Stage.IDLE, optimiser)

        clock.now_s += backoff_s - 1
        optimiser.step()
        assert optimiser.stage(NAME) is Stage.IDLE
        clock.now_s += 1

    assert_as_it_was(shards, tenant, tmp_path)
    optimiser.close()


def test_more_changes_than_can_be_followed_end_the_attempt(
    shards: dict[str, Shard], clock: Clock, tenant: Tenant, tmp_path: Path
) -> None:
    optimiser = Optimiser(shards, build=NEVER_ENDS, clock=clock)
    optimiser.begin(NAME)
    until(lambda: optimiser.stage(NAME) is Stage.BUILDING, optimiser)

    journal = shards[NAME].journal
    assert journal is not None
    journal.changed([UUID(int=number) for number in range(MAX_POINTS + 1)])
    optimiser.step()

    assert optimiser.stage(NAME) is Stage.IDLE
    assert_as_it_was(shards, tenant, tmp_path)
    optimiser.close()


@pytest.mark.parametrize("build", [BUILD, NEVER_ENDS])
def test_an_end_meanwhile_leaves_the_shard(
    shards: dict[str, Shard], clock: Clock, tenant: Tenant, tmp_path: Path, build: tuple[str, ...]
) -> None:
    optimiser = Optimiser(shards, build=build, clock=clock)
    optimiser.begin(NAME)
    assert optimiser.begin(NAME) is False
    until(lambda: optimiser.stage(NAME) is not Stage.COPYING, optimiser)

    optimiser.close()

    assert_as_it_was(shards, tenant, tmp_path)


def test_a_full_disk_leaves_the_shard(
    shards: dict[str, Shard],
    clock: Clock,
    tenant: Tenant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(generations, "copy", full)
    optimiser = Optimiser(shards, clock=clock)

    optimiser.begin(NAME)
    until(lambda: optimiser.stage(NAME) is Stage.IDLE, optimiser)

    assert_as_it_was(shards, tenant, tmp_path)
    optimiser.close()


def test_a_disk_without_room_for_a_copy_is_not_filled(
    shards: dict[str, Shard], clock: Clock, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1))
    optimiser = Optimiser(shards, clock=clock)

    optimiser.begin(NAME)

    assert optimiser.stage(NAME) is Stage.IDLE
    assert_as_it_was(shards, tenant, tmp_path)
    optimiser.close()

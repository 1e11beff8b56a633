"""Graphs are built while the shard is searched and written to: nothing is lost, doubled or resurrected."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import UUID

import psutil
import pytest

from domain.memory.ports import IndexUnavailable, Point, Tenant
from persistence.qdrant.edge_index import EdgeMemoryIndex
from persistence.qdrant.process import IndexProcess
from tests.persistence.qdrant.conftest import PATIENT_S, never, with_small_graphs
from tests.persistence.qdrant.points import SPACE, a_point, a_query, a_tenant, stored, unit
from tests.soak import SOAK

KILLS = 100 if SOAK else 10
POINTS = 600
BUILT_S = 120.0
"""The process that builds yields to all others: on a busy machine it takes its time."""
PAUSE_S = 0.002
IDLE = ("IDLE", 0)
STAGES = ("COPYING", "BUILDING", "REPLAYING", "IDLE")


def index_of(process: IndexProcess) -> EdgeMemoryIndex:
    return EdgeMemoryIndex(process, on_violation=never, search_s=PATIENT_S, write_s=PATIENT_S)


def points(number: int, *, seed: float = 1) -> list[Point]:
    chance = Random(seed)
    return [
        a_point(f"coffee {chance.randrange(50)}", unit(*(chance.gauss(0, 1) for _ in range(SPACE.dimension))))
        for _ in range(number)
    ]


async def optimise(index: EdgeMemoryIndex) -> None:
    while not await index.optimise(SPACE):
        await idle(index)
    await idle(index)


async def idle(index: EdgeMemoryIndex) -> None:
    async with asyncio.timeout(BUILT_S):
        while (await index.stage(SPACE))[0] != "IDLE":
            await asyncio.sleep(0.02)


async def at(index: EdgeMemoryIndex, stage: str) -> None:
    """Wait until an attempt that was begun is so far, or just beyond."""
    before = STAGES[: STAGES.index(stage)]
    async with asyncio.timeout(BUILT_S):
        while (await index.stage(SPACE))[0] in before:
            await asyncio.sleep(PAUSE_S)


def folders(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.glob(f"{SPACE.name}*") if each.is_dir())


async def test_everything_is_found_once_graphs_are_built(tmp_path: Path, tenant: Tenant) -> None:
    many = points(POINTS)
    async with IndexProcess(with_small_graphs(tmp_path)) as process:
        index = index_of(process)
        await index.upsert(SPACE, tenant, many)

        await optimise(index)

        assert await index.stage(SPACE) == IDLE
        assert set(await stored(index, tenant)) == {each.memory_id for each in many}
    assert folders(tmp_path) == [f"{SPACE.name}.2"]
    assert list((tmp_path / f"{SPACE.name}.2").rglob("graph.bin")), "there is no graph"

    async with IndexProcess(tmp_path) as process:
        assert await index_of(process).open(SPACE) is True
        assert await index_of(process).count(SPACE) == POINTS


async def test_a_search_by_graphs_finds_what_an_exact_one_does(tmp_path: Path, tenant: Tenant) -> None:
    async with IndexProcess(with_small_graphs(tmp_path)) as process:
        index = index_of(process)
        await index.upsert(SPACE, tenant, points(POINTS))
        await optimise(index)

        found, there = 0, 0
        for number, each in enumerate(points(100, seed=2)):
            query = a_query(f"coffee {number % 50}", each.dense, limit=10)
            exact = await index.search(SPACE, tenant, replace(query, exact=True))
            quick = await index.search(SPACE, tenant, query)
            found += len({hit.memory_id for hit in exact} & {hit.memory_id for hit in quick})
            there += len(exact)

    assert found / there >= 0.98


async def test_what_changes_meanwhile_is_in_the_shard_with_graphs(tmp_path: Path, tenant: Tenant) -> None:
    gone, stays, *_ = before = points(POINTS)
    changed = replace(stays, version=2, dense=unit(0, 1))
    dropped, back = a_tenant(), a_tenant()
    returned, added = a_point(), a_point()
    async with IndexProcess(with_small_graphs(tmp_path)) as process:
        index = index_of(process)
        await index.upsert(SPACE, tenant, before)
        for each in (dropped, back):
            await index.upsert(SPACE, each, [a_point()])
        await index.optimise(SPACE)
        await at(index, "BUILDING")

        await index.delete(SPACE, tenant, [gone.memory_id])
        await index.upsert(SPACE, tenant, [changed, added])
        await index.drop(SPACE, dropped)
        await index.drop(SPACE, back)
        await index.upsert(SPACE, back, [returned])
        await idle(index)

        found = await stored(index, tenant)
        assert set(found) == {each.memory_id for each in before} - {gone.memory_id} | {added.memory_id}
        assert len(found) == len(set(found))
        assert await stored(index, dropped) == []
        assert await stored(index, back) == [returned.memory_id]
        [nearest] = await index.alike(SPACE, tenant, unit(0, 1), limit=1)
        assert nearest.memory_id == stays.memory_id
        await index.upsert(SPACE, tenant, [stays])
        assert await index.alike(SPACE, tenant, unit(0, 1), limit=1) == [nearest]


@pytest.mark.parametrize("stage", ["COPYING", "BUILDING", "REPLAYING", "IDLE"])
async def test_a_shard_that_is_removed_leaves_nothing(tmp_path: Path, tenant: Tenant, stage: str) -> None:
    async with IndexProcess(with_small_graphs(tmp_path)) as process:
        index = index_of(process)
        await index.upsert(SPACE, tenant, points(POINTS))
        await index.optimise(SPACE)
        await at(index, stage)

        await index.remove(SPACE)

        assert folders(tmp_path) == []
        assert await index.open(SPACE) is False
        assert await index.count(SPACE) == 0


async def test_no_call_is_refused_while_graphs_are_built(tmp_path: Path, tenant: Tenant) -> None:
    async with IndexProcess(with_small_graphs(tmp_path)) as process:
        index = index_of(process)
        await index.upsert(SPACE, tenant, points(POINTS))
        ended = asyncio.Event()

        async def search() -> int:
            searches = 0
            while not ended.is_set():
                assert len(await index.search(SPACE, tenant, a_query(limit=5))) == 5
                searches += 1
                await asyncio.sleep(PAUSE_S)
            return searches

        async def write() -> Sequence[Point]:
            written = list[Point]()
            while not ended.is_set():
                written.append(a_point())
                await index.upsert(SPACE, tenant, [written[-1]])
                assert await index.count(SPACE, tenant) == POINTS + len(written)
                await asyncio.sleep(PAUSE_S)
            return written

        async with asyncio.TaskGroup() as tasks:
            searching, writing = tasks.create_task(search()), tasks.create_task(write())
            for _ in range(2):
                await optimise(index)
            ended.set()

        assert searching.result() > 0
        assert await index.count(SPACE, tenant) == POINTS + len(writing.result())


class Ledger:
    """What an index has acknowledged of one tenant: points that are there, that are gone, and that may be either."""

    def __init__(self, index: EdgeMemoryIndex, tenant: Tenant) -> None:
        self._index = index
        self._tenant = tenant
        self._there, self._gone, self._unsure = set[UUID](), set[UUID](), set[UUID]()
        self._oldest_first = deque[UUID]()

    async def add(self, some: Sequence[Point]) -> None:
        ids = [each.memory_id for each in some]
        self._unsure.update(ids)
        await self._index.upsert(SPACE, self._tenant, some)
        self._unsure.difference_update(ids)
        self._there.update(ids)
        self._oldest_first.extend(ids)

    async def remove_oldest(self, number: int) -> None:
        ids = [self._oldest_first.popleft() for _ in range(number)]
        self._there.difference_update(ids)
        self._unsure.update(ids)
        await self._index.delete(SPACE, self._tenant, ids)
        self._unsure.difference_update(ids)
        self._gone.update(ids)

    async def assert_kept(self) -> None:
        """Fail unless the index holds what it must, nothing that it must not, and each once."""
        found = await stored(self._index, self._tenant)
        assert len(found) == len(set(found)) == await self._index.count(SPACE, self._tenant)
        assert self._there <= set(found) <= self._there | self._unsure
        assert not self._gone & set(found)
        hits = await self._index.search(SPACE, self._tenant, a_query(limit=10))
        assert {hit.memory_id for hit in hits} <= set(found)


@pytest.mark.timeout(1800)
async def test_nothing_acknowledged_is_lost_by_kill_9_while_graphs_are_built(tmp_path: Path) -> None:
    chance, tenant = Random(7), a_tenant()
    async with IndexProcess(with_small_graphs(tmp_path)) as process:
        index = index_of(process)
        ledger = Ledger(index, tenant)
        await ledger.add(points(POINTS))

        async def write(killed: asyncio.Event) -> None:
            while not killed.is_set():
                some = points(chance.randint(1, 5), seed=chance.random())
                await ledger.add(some)
                # as many go as come, so that no kill finds more to look through than the one before
                await ledger.remove_oldest(len(some))
                await asyncio.sleep(PAUSE_S)

        for number in range(KILLS):
            killed = asyncio.Event()
            writing = asyncio.create_task(write(killed))
            await index.optimise(SPACE)
            await at(index, STAGES[number % len(STAGES)])
            await asyncio.sleep(chance.random() * 0.02)
            kill(process)
            killed.set()
            await asyncio.gather(writing, return_exceptions=True)

            assert await _opened(index) is True, f"it was made anew after kill {number}"
            await ledger.assert_kept()
        await optimise(index)
        await ledger.assert_kept()

    assert len(folders(tmp_path)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends when it has built")
async def test_the_process_that_builds_ends_with_the_index(tmp_path: Path, tenant: Tenant) -> None:
    async with IndexProcess(with_small_graphs(tmp_path)) as process:
        index = index_of(process)
        await index.upsert(SPACE, tenant, points(POINTS))
        await index.optimise(SPACE)
        building = await child(process)
        while not listens(building):
            await asyncio.sleep(0.01)
        building.suspend()

        kill(process)

        async with asyncio.timeout(PATIENT_S):
            while building.is_running() and building.status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.01)


async def test_when_the_process_that_builds_is_killed_the_shard_stays_as_it_was(
    tmp_path: Path, tenant: Tenant
) -> None:
    async with IndexProcess(with_small_graphs(tmp_path)) as process:
        index = index_of(process)
        await index.upsert(SPACE, tenant, points(POINTS))
        await index.optimise(SPACE)

        (await child(process)).kill()
        await idle(index)

        assert await index.stage(SPACE) == ("IDLE", POINTS)
        assert await index.count(SPACE, tenant) == POINTS
        assert folders(tmp_path) == [SPACE.name]
        await optimise(index)
        assert await index.stage(SPACE) == IDLE


def listens(process: psutil.Process) -> bool:
    """Whether the kernel was told to end it with its input, which works even when it computes nothing."""
    [flags] = [
        line.split()[1]
        for line in Path(f"/proc/{process.pid}/fdinfo/0").read_text().splitlines()
        if line.startswith("flags")
    ]
    return bool(int(flags, 8) & os.O_ASYNC)


async def child(process: IndexProcess) -> psutil.Process:
    """The process that builds, once it runs."""
    async with asyncio.timeout(PATIENT_S):
        while not (children := psutil.Process(process.pid).children()):
            await asyncio.sleep(0.01)
    return children[0]


def kill(process: IndexProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)


async def _opened(index: EdgeMemoryIndex) -> bool:
    """Whether what was stored is there, once the end of the process was noticed."""
    try:
        return await index.open(SPACE)
    except IndexUnavailable:
        return await index.open(SPACE)

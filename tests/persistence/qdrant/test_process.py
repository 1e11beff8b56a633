"""The index's process: what survives its end, what it does about damage, and when it ends."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import cast
from uuid import UUID

import psutil
import pytest
from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    Modifier,
    VectorStorageDatatype,
)

from domain.memory.ports import IndexUnavailable, IsolationViolation, Point, Space, Tenant
from persistence.qdrant import plan
from persistence.qdrant.edge_index import EdgeMemoryIndex
from persistence.qdrant.process import IndexHeld, IndexProcess
from persistence.qdrant.silence import Silence
from tests.launchers.owned_process import OwnedProcess
from tests.persistence.qdrant.conftest import PATIENT_S, never
from tests.persistence.qdrant.points import SPACE, a_point, a_query, a_tenant, stored, unit
from tests.soak import SOAK

KILLS = 100 if SOAK else 10
ROOT = Path(__file__).parents[3]
OWNER = """
import asyncio, sys
from pathlib import Path
from persistence.qdrant.process import IndexProcess

async def main():
    async with IndexProcess(Path(sys.argv[1])) as process:
        print("pid", process.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def index_of(process: IndexProcess, *, search_s: float = PATIENT_S) -> EdgeMemoryIndex:
    return EdgeMemoryIndex(process, on_violation=never, search_s=search_s)


def kill(process: IndexProcess, number: signal.Signals = signal.SIGKILL) -> None:
    assert process.pid is not None
    os.kill(process.pid, number)


@pytest.mark.timeout(900)
async def test_what_was_acknowledged_is_there_after_kill_9(tmp_path: Path) -> None:
    chance, tenant = Random(5), a_tenant()
    tried, acknowledged = set[UUID](), set[UUID]()
    async with IndexProcess(tmp_path) as process:
        index = index_of(process)
        await index.open(SPACE)

        async def write(killed: asyncio.Event) -> None:
            while not killed.is_set():
                points = [a_point(f"coffee {chance.random()}") for _ in range(chance.randint(1, 5))]
                tried.update(each.memory_id for each in points)
                await index.upsert(SPACE, tenant, points)
                acknowledged.update(each.memory_id for each in points)

        for number in range(KILLS):
            killed = asyncio.Event()
            writing = [asyncio.create_task(write(killed)) for _ in range(3)]
            wanted = len(acknowledged) + chance.randint(1, 60)
            while len(acknowledged) < wanted:
                await asyncio.sleep(0)
            kill(process)
            killed.set()
            ended = await asyncio.gather(*writing, return_exceptions=True)

            # who had asked already is refused; who had not waits for the next process
            assert all(each is None or isinstance(each, IndexUnavailable) for each in ended)
            assert await _opened(index) is True, f"it was made anew after kill {number}"
            found = await stored(index, tenant)
            assert len(found) == len(set(found)) == await index.count(SPACE, tenant)
            assert acknowledged <= set(found) <= tried


async def test_deletions_survive_kill_9(tmp_path: Path, tenant: Tenant) -> None:
    gone, dropped = a_point(), a_tenant()
    async with IndexProcess(tmp_path) as process:
        index = index_of(process)
        await index.open(SPACE)
        await index.upsert(SPACE, tenant, [gone, stays := a_point()])
        await index.upsert(SPACE, dropped, [a_point()])
        await index.delete(SPACE, tenant, [gone.memory_id])
        await index.drop(SPACE, dropped)

        kill(process)

        assert await _when_up(index, tenant) == [stays.memory_id]
        assert await index.count(SPACE) == 1


async def test_everything_is_there_after_a_restart(tmp_path: Path, tenant: Tenant) -> None:
    points = [a_point() for _ in range(100)]
    async with IndexProcess(tmp_path) as process:
        await index_of(process).open(SPACE)
        await index_of(process).upsert(SPACE, tenant, points)

    async with IndexProcess(tmp_path) as process:
        assert await index_of(process).open(SPACE) is True
        assert set(await stored(index_of(process), tenant)) == {each.memory_id for each in points}


async def test_calls_under_way_fail_when_the_process_ends_and_later_ones_succeed(
    tmp_path: Path, tenant: Tenant
) -> None:
    async with IndexProcess(tmp_path) as process:
        index = index_of(process)
        await index.open(SPACE)
        kill(process, signal.SIGSTOP)
        calls = [asyncio.create_task(index.count(SPACE, tenant)) for _ in range(100)]
        await asyncio.sleep(0)

        kill(process)

        results = await asyncio.gather(*calls, return_exceptions=True)
        assert any(isinstance(each, IndexUnavailable) for each in results)
        assert all(each == 0 or isinstance(each, IndexUnavailable) for each in results)
        assert await stored(index, tenant) == []


async def test_many_calls_at_once_are_all_answered(tmp_path: Path) -> None:
    tenants = [a_tenant() for _ in range(10)]
    async with IndexProcess(tmp_path, max_calls=8) as process:
        index = index_of(process)
        await index.open(SPACE)
        for number, tenant in enumerate(tenants):
            await index.upsert(SPACE, tenant, [a_point() for _ in range(number)])

        counts = await asyncio.gather(*(index.count(SPACE, tenants[i % 10]) for i in range(200)))

    assert counts == [number % 10 for number in range(200)]


class Recording(IndexProcess):
    """Notes how many points each call held."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.told = list[int]()

    async def ask(self, deed: str, arguments: Mapping[str, object], *, timeout_s: float) -> object:
        if deed == "upsert":
            self.told.append(len(cast("Sequence[Point]", arguments["points"])))
        return await super().ask(deed, arguments, timeout_s=timeout_s)


@pytest.mark.parametrize(("dimension", "told"), [(8, [32, 8]), (384, [16, 16, 8]), (1536, [4] * 10)])
async def test_a_call_holds_no_more_numbers_than_the_loop_can_write_at_once(
    tmp_path: Path, tenant: Tenant, dimension: int, told: Sequence[int]
) -> None:
    space = Space("sized", dimension)
    async with Recording(tmp_path) as process:
        index = index_of(process)
        await index.open(space)

        await index.upsert(space, tenant, [a_point(dense=unit(1, dimension=dimension)) for _ in range(40)])

        assert process.told == told
        assert await index.count(space, tenant) == 40


async def test_a_process_that_does_not_answer_is_not_waited_for(tmp_path: Path, tenant: Tenant) -> None:
    async with IndexProcess(tmp_path) as process:
        hasty, patient = index_of(process, search_s=0.05), index_of(process)
        await patient.open(SPACE)
        kill(process, signal.SIGSTOP)

        for _ in range(5):
            searches = [hasty.search(SPACE, tenant, a_query("x" * 2_000)) for _ in range(100)]
            for each in await asyncio.gather(*searches, return_exceptions=True):
                assert isinstance(each, IndexUnavailable)
                assert "within 0.05 s" in each.message

        kill(process, signal.SIGCONT)
        assert await patient.search(SPACE, tenant, a_query()) == []


async def test_a_process_that_hangs_is_ended_all_the_same(tmp_path: Path) -> None:
    process = IndexProcess(tmp_path, end_s=0.2)
    await process.start()
    assert (pid := process.pid) is not None
    kill(process, signal.SIGSTOP)

    await process.aclose()

    assert not psutil.pid_exists(pid)


async def test_a_process_that_says_nothing_any_more_is_replaced(tmp_path: Path, tenant: Tenant) -> None:
    silence = Silence(PATIENT_S)
    async with IndexProcess(tmp_path, silence=silence, end_s=0.2) as process:
        index = index_of(process)
        await index.open(SPACE)
        await index.upsert(SPACE, tenant, [point := a_point()])
        stuck = process.pid
        kill(process, signal.SIGSTOP)

        silence.limit_s = 0.1
        with pytest.raises(IndexUnavailable):
            await index.count(SPACE, tenant)

        silence.limit_s = PATIENT_S
        assert await stored(index, tenant) == [point.memory_id]
        assert process.pid != stuck


async def test_at_the_end_nobody_is_kept_waiting(tmp_path: Path, tenant: Tenant) -> None:
    process = IndexProcess(tmp_path, max_calls=2)
    await process.start()
    index = index_of(process)
    await index.open(SPACE)
    calls = [asyncio.create_task(index.count(SPACE, tenant)) for _ in range(20)]
    await asyncio.sleep(0)

    await process.aclose()

    async with asyncio.timeout(PATIENT_S / 2):
        results = await asyncio.gather(*calls, return_exceptions=True)
        with pytest.raises(IndexUnavailable, match="ended"):
            await index.search(SPACE, tenant, a_query())
    assert all(each == 0 or isinstance(each, IndexUnavailable) for each in results)
    assert process.pid is None


async def test_a_folder_in_use_is_refused_with_the_remedy(tmp_path: Path) -> None:
    async with IndexProcess(tmp_path) as process:
        with pytest.raises(IndexHeld, match=f"in use by process {process.pid}.*CODELAB_DATA_DIR"):
            await IndexProcess(tmp_path, holder_grace_s=0).start()


async def test_a_folder_is_waited_for_while_its_holder_ends(tmp_path: Path, tenant: Tenant) -> None:
    holder = IndexProcess(tmp_path)
    await holder.start()

    async with asyncio.TaskGroup() as tasks:
        successor = IndexProcess(tmp_path)
        starting = tasks.create_task(successor.start())
        await holder.aclose()
        await starting

    await successor.aclose()


async def test_the_process_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    server = OwnedProcess(
        [sys.executable, "-c", OWNER, tmp_path / "index"], output=tmp_path / "output", cwd=ROOT
    )

    async def said() -> bool:
        return "pid" in server.output()

    await server.until_ready(said)
    pid = int(server.output().split()[1])

    await server.kill()

    async with asyncio.timeout(PATIENT_S):
        while _runs(pid):
            await asyncio.sleep(0.01)
    async with IndexProcess(tmp_path / "index") as process:
        assert process.pid not in {None, pid}


@pytest.mark.parametrize("damaged", ["segment.json", "*.dat", "edge_config.json"])
async def test_a_damaged_shard_is_moved_aside_and_made_anew(
    tmp_path: Path, tenant: Tenant, damaged: str
) -> None:
    await _fill(tmp_path, tenant)
    _damage(tmp_path, damaged)

    async with IndexProcess(tmp_path) as process:
        index = index_of(process)
        with pytest.raises(IndexUnavailable):
            await index.search(SPACE, tenant, a_query())
        assert await index.open(SPACE) is False
        assert await index.open(SPACE) is True
        assert await index.count(SPACE) == 0
        await index.upsert(SPACE, tenant, [a_point()])
        assert await index.count(SPACE) == 1

    assert len(_damaged(tmp_path)) == 1


@pytest.mark.parametrize(
    ("words", "datatype"),
    [("bm25", VectorStorageDatatype.Float16), (plan.WORDS, VectorStorageDatatype.Float32)],
)
async def test_a_shard_of_an_earlier_version_is_moved_aside_and_made_anew(
    tmp_path: Path, tenant: Tenant, words: str, datatype: VectorStorageDatatype
) -> None:
    numbers = EdgeVectorParams(SPACE.dimension, Distance.Cosine, datatype=datatype)
    lists = EdgeSparseVectorParams(modifier=Modifier.Idf)
    config = EdgeConfig(dict.fromkeys(plan.DENSE, numbers), {words: lists})
    (tmp_path / SPACE.name).mkdir()
    EdgeShard.create(str(tmp_path / SPACE.name), config).close()

    async with IndexProcess(tmp_path) as process:
        index = index_of(process)
        assert not await index.has(SPACE)
        assert await index.open(SPACE) is False
        await index.upsert(SPACE, tenant, [a_point()])
        assert await stored(index, tenant)

    assert len(_damaged(tmp_path)) == 1


async def test_a_shard_that_ends_the_process_again_and_again_is_made_anew(
    tmp_path: Path, tenant: Tenant
) -> None:
    await _fill(tmp_path, tenant)
    attempts = (tmp_path / SPACE.name).with_suffix(".opening")

    for crashes, there in ((2, True), (3, False)):
        attempts.write_text(str(crashes))
        async with IndexProcess(tmp_path) as process:
            assert await index_of(process).open(SPACE) is there
        assert not attempts.exists()


async def test_a_creation_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / SPACE.name).with_suffix(".creating").mkdir(parents=True)

    async with IndexProcess(tmp_path) as process:
        assert await index_of(process).open(SPACE) is False
        assert await index_of(process).open(SPACE) is True


def test_the_server_itself_loads_no_engine() -> None:
    modules = "persistence.qdrant.edge_index, persistence.memory.index"
    loaded = f"import sys, {modules}; print(*sys.modules)"

    names = subprocess.run(
        [sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert not {"qdrant_edge", "qdrant_client", "numpy"} & set(names.stdout.split())


async def test_a_violation_is_told_and_returns_nothing(tmp_path: Path, tenant: Tenant) -> None:
    class Leaking(IndexProcess):
        async def ask(self, deed: str, arguments: Mapping[str, object], *, timeout_s: float) -> object:
            raise IsolationViolation("somebody else's")

    told: list[str] = []
    index = EdgeMemoryIndex(Leaking(tmp_path), on_violation=lambda: told.append("told"))

    with pytest.raises(IsolationViolation):
        await index.search(SPACE, tenant, a_query())

    assert told == ["told"]


async def _fill(folder: Path, tenant: Tenant) -> None:
    async with IndexProcess(folder) as process:
        await index_of(process).open(SPACE)
        await index_of(process).upsert(SPACE, tenant, [a_point()])


def _damaged(folder: Path) -> list[Path]:
    return list(folder.glob(f"{SPACE.name}.damaged-*"))


def _damage(folder: Path, pattern: str) -> None:
    for file in folder.rglob(pattern):
        file.write_bytes(b"\xff" * 64)


async def _opened(index: EdgeMemoryIndex) -> bool:
    """Whether what was stored is there, once the end of the process was noticed."""
    try:
        return await index.open(SPACE)
    except IndexUnavailable:
        return await index.open(SPACE)


async def _when_up(index: EdgeMemoryIndex, tenant: Tenant) -> list[UUID]:
    """What is stored, once the end of the process was noticed."""
    try:
        return await stored(index, tenant)
    except IndexUnavailable:
        return await stored(index, tenant)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

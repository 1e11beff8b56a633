"""The embedded index of memories through the whole path, from this process to the index's and back."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import psutil
from qdrant_client import AsyncQdrantClient

from benchmarks.direct_call import cpu_s
from benchmarks.memories import Call, Size, World
from benchmarks.memory_report import AT_REST, Index, Measured, Searches
from benchmarks.report import Say
from benchmarks.stall import Stalls, watched
from domain.memory.ports import IndexQuery, IndexUnavailable, IsolationViolation, MemoryIndex, Tenant
from persistence.qdrant import generations
from persistence.qdrant.edge_index import EdgeMemoryIndex
from persistence.qdrant.plan import SEARCH_S
from persistence.qdrant.process import IndexProcess
from persistence.qdrant.server_index import ServerMemoryIndex

PATIENT_S = 300.0
WRITERS = 4
"""Upserts under way at once."""
LOCAL_POINTS, LOCAL_QUERIES = 10_000, 5
"""The client's own model of a server takes seconds for a search: it is measured at one size, and a few times."""
RECALL_AT = 10
QUERIES, WARM_UP = 100, 20
REST_S = 2.0
_POLL_S, _PAUSE_S = 0.2, 0.01


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: sizes, and searches of each kind."""

    sizes: Sequence[Size]
    searches: int
    compared: int


FULL = Plan(
    sizes=tuple(map(Size.of, ("10000x384", "100000x384", "100000x1536", "1000000x384"))),
    searches=1_000,
    compared=50,
)
QUICK = Plan(sizes=(Size(1_000, 384), Size(2_000, 384)), searches=50, compared=5)


async def measure(plan: Plan, folder: Path, *, say: Say) -> Index:
    """Measure each size in an index of its own."""
    index = Index()
    for size in plan.sizes:
        say(f"remembering {size.label}")
        index.sizes.append(await _measured(size, plan, folder / f"{size.points}x{size.dimension}", say))
    return index


async def _measured(size: Size, plan: Plan, folder: Path, say: Say) -> Measured:
    world, stalls = World(size), dict[str, Stalls]()
    async with IndexProcess(folder) as process:
        index = _index(process, search_s=PATIENT_S)
        await index.open(size.space)
        async with watched() as stalls[AT_REST]:
            await asyncio.sleep(REST_S)
        await _filled(index, world)
        say(f"building graphs of {size.label}")
        async with watched() as stalls["optimising"]:
            optimising_s, meanwhile = await _optimised(index, _index(process, search_s=SEARCH_S), world)
        say(f"searching {size.label}")
        async with watched() as stalls["searching"]:
            small, half = [
                await _computed(process, index, tenant, world, plan.searches)
                for tenant in (world.small[0], world.half)
            ]
        recall = await _recall(index, world, plan.compared)
        more = list(world.more(plan.searches))
        async with watched() as stalls["upserting"]:
            upserts_per_s = await _upserted(index, world, more)
        return Measured(
            size=size,
            upserts_per_s=upserts_per_s,
            optimising_s=optimising_s,
            small=small,
            half=half,
            meanwhile=meanwhile,
            stalls=stalls,
            recall=recall,
            worker_mib=_resident_mib(process),
            disk_mib=generations.size_bytes(folder) / 2**20,
            local=await _local(world, say) if size == Size(LOCAL_POINTS, size.dimension) else None,
        )


def _index(process: IndexProcess, *, search_s: float) -> EdgeMemoryIndex:
    return EdgeMemoryIndex(process, on_violation=_never, search_s=search_s, write_s=PATIENT_S)


def _never() -> None:
    raise IsolationViolation("somebody else's")


async def _filled(index: MemoryIndex, world: World) -> None:
    """Store everything; each call is made up when it is its turn."""
    await _upserted(index, world, world.calls())


async def _upserted(index: MemoryIndex, world: World, calls: Iterable[Call]) -> float:
    """Points stored in a second."""
    stored, left, began = 0, iter(calls), time.perf_counter()

    async def write() -> None:
        nonlocal stored
        for tenant, points in left:
            await index.upsert(world.size.space, tenant, points)
            stored += len(points)

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return stored / (time.perf_counter() - began)


async def _optimised(index: EdgeMemoryIndex, hasty: EdgeMemoryIndex, world: World) -> tuple[float, Searches]:
    """How long the graphs take, and searches meanwhile in the time that the product gives them."""
    await _idle(index, world)  # an attempt that began by itself does not have everything
    began, done = time.perf_counter(), asyncio.Event()
    searching = asyncio.create_task(_searched_until(done, hasty, world))
    await index.optimise(world.size.space)
    await _idle(index, world)
    done.set()
    return time.perf_counter() - began, await searching


async def _idle(index: EdgeMemoryIndex, world: World) -> None:
    while (await index.stage(world.size.space))[0] != "IDLE":  # noqa: ASYNC110 - in another process
        await asyncio.sleep(_POLL_S)


async def _searched_until(done: asyncio.Event, index: MemoryIndex, world: World) -> Searches:
    durations_ms, refused = list[float](), 0
    queries = cycle(world.queries(QUERIES))
    while not done.is_set():
        try:
            durations_ms.append(await _search_ms(index, world.small[0], world, next(queries)))
        except IndexUnavailable:
            refused += 1
        await asyncio.sleep(_PAUSE_S)
    return Searches(durations_ms, refused)


async def _computed(
    process: IndexProcess, index: MemoryIndex, tenant: Tenant, world: World, number: int
) -> Searches:
    """Search, and see what the index's process computes for it."""
    before = cpu_s(process.pid or 0)
    searches = await _searched(index, tenant, world, number)
    return replace(searches, cpu_ms=1_000 * (cpu_s(process.pid or 0) - before) / (number + WARM_UP))


async def _searched(
    index: MemoryIndex, tenant: Tenant, world: World, number: int, *, warm_up: int = WARM_UP
) -> Searches:
    queries = world.queries(number + warm_up)
    durations_ms = [await _search_ms(index, tenant, world, each) for each in queries]
    return Searches(durations_ms[warm_up:])


async def _search_ms(index: MemoryIndex, tenant: Tenant, world: World, query: IndexQuery) -> float:
    began = time.perf_counter()
    await index.search(world.size.space, tenant, query)
    return 1_000 * (time.perf_counter() - began)


async def _recall(index: MemoryIndex, world: World, number: int) -> float:
    """The share of an exact search's best that a usual one finds, over a small tenant and the largest."""
    found = there = 0
    for tenant in (world.small[0], world.half):
        for query in world.queries(number, limit=RECALL_AT):
            exact = await index.search(world.size.space, tenant, replace(query, exact=True))
            usual = await index.search(world.size.space, tenant, query)
            found += len({hit.memory_id for hit in exact} & {hit.memory_id for hit in usual})
            there += len(exact)
    return found / there


async def _local(world: World, say: Say) -> Searches:
    """The same points and searches in the client's own model of a server, within this process."""
    say(f"beside the client's local mode, {world.size.label}")
    client = AsyncQdrantClient(":memory:")
    try:
        index = ServerMemoryIndex(client, on_violation=_never, search_s=PATIENT_S, write_s=PATIENT_S)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is not meant for so many points is what is shown
            await index.open(world.size.space)
            await _filled(index, World(world.size))
            return await _searched(index, world.half, world, LOCAL_QUERIES, warm_up=0)
    finally:
        await client.close()


def _resident_mib(process: IndexProcess) -> float:
    return float(psutil.Process(process.pid).memory_info().rss) / 2**20

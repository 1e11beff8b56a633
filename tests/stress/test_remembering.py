"""kill -9 while memories are written, pruned and reindexed: what was acknowledged is there, found, and there once."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from uuid import uuid4

import httpx
import pytest

from codelab_client import Client, Refused
from codelab_client import Memory as MemoryEntry
from domain.memory.collections import Collection, reindex
from domain.memory.entities import Memory, MemoryFilter
from domain.memory.ports import IndexUnavailable
from domain.memory.prune import END
from domain.memory.recall import Question
from domain.pages import PageRequest
from graphql_api.app.main import Parts, open_parts
from graphql_api.app.stores import DATABASE_FILE, utc_now
from persistence.collections import SqlCollectionStore
from persistence.sqlite import SqliteDatabase
from tests.clients.servers import PASSWORD, client_of
from tests.launchers.owned_process import OwnedProcess
from tests.persistence.qdrant.conftest import PATIENT_S
from tests.processes import CodelabProcess
from tests.soak import SOAK
from tests.stress.remembering import AGENT, PROJECT, USER, settings_of

KILLS = 100 if SOAK else 10
ROOT = Path(__file__).parents[2]
START_S = 90
LIMIT = 200
SAMPLE = 40
"""Of so many memories it is tried whether a search finds them."""


@pytest.mark.slow
@pytest.mark.timeout(3_600 if SOAK else 900)
async def test_killed_while_it_prunes_and_reindexes_it_keeps_what_it_must(tmp_path: Path) -> None:
    chance, printed = Random(7), ""
    (tmp_path / "data").mkdir()
    for number in range(KILLS):
        process = OwnedProcess(
            [sys.executable, "-m", "tests.stress.remembering", str(tmp_path / "data"), str(LIMIT)],
            output=tmp_path / f"{number}.log",
            cwd=ROOT,
        )
        await process.until_ready(partial(_told, process, "pruning"), timeout_s=START_S)
        await asyncio.sleep(chance.uniform(0, 1.5))
        await process.kill()
        printed += process.output()
    acknowledged = [line.removeprefix("+ ") for line in printed.splitlines() if line.startswith("+ ")]

    # nobody prunes any more
    async with open_parts(settings_of(tmp_path / "data", limit=10 * LIMIT)) as parts:
        await _settled(parts)
        kept = await _memories(parts)
        points = await parts.memory.points()
        found = [await _found(parts, memory) for memory in Random(8).sample(kept, SAMPLE)]

    texts = {memory.text for memory in kept}
    assert END * LIMIT <= len(kept) < len(acknowledged)
    assert set(acknowledged[-LIMIT // 2 :]) <= texts  # the oldest go first
    assert len(texts) == len(kept) == points
    assert all(found)
    assert all(memory.indexed for memory in kept)


async def _told(process: OwnedProcess, word: str) -> bool:
    return word in process.output()


async def _settled(parts: Parts) -> None:
    """Wait until the index has heard of everything, and no collection follows the one that serves."""
    async with asyncio.timeout(START_S):
        while await parts.memory.lag_s() or any(map(_is_on_its_way, await parts.memory.collections.read())):
            await asyncio.sleep(0.05)


async def _memories(parts: Parts) -> Sequence[Memory]:
    request = PageRequest(20 * LIMIT)
    scope = parts.stores.scopes.open(USER)
    page = await scope.read_once(lambda tx: tx.project(PROJECT).memories.page(AGENT, MemoryFilter(), request))
    return page.nodes


async def _found(parts: Parts, memory: Memory) -> bool:
    question = Question(PROJECT, AGENT, memory.text, count=3)
    scope = parts.stores.scopes.open(USER)
    async with asyncio.timeout(PATIENT_S):
        while True:
            with suppress(IndexUnavailable):  # on a busy machine it may not answer in time
                return memory.id in {it.memory.id for it in await parts.memory.recall(scope, question)}


@pytest.mark.slow
@pytest.mark.timeout(7_200 if SOAK else 900)
async def test_a_server_killed_while_it_reindexes_finds_everything_afterwards(tmp_path: Path) -> None:
    chance = Random(9)
    server = CodelabProcess(tmp_path)
    try:
        await server.start(timeout_s=START_S)
        async with client_of(server.url) as client:
            await client.register("ada@example.com", PASSWORD)
            project = await client.create_project("Work")
            agent = (await client.project(project.id)).agents.nodes[0].id
            acknowledged = [await _noted(client, agent) for _ in range(60)]
            for _ in range(KILLS):
                await _ask(tmp_path)
                acknowledged += [await _noted(client, agent) for _ in range(chance.randint(0, 8))]
                await asyncio.sleep(chance.uniform(0, 1.5))
                await server.kill()
                await server.start(timeout_s=START_S)
            await _settled_at(tmp_path)
            entries = await _entries(client, agent)
            found = [await _found_at(client, agent, text) for text in acknowledged]
            gauges = (await client_metrics(server.url)).splitlines()
    finally:
        await server.kill()

    assert sorted(it.text for it in entries) == sorted(acknowledged)
    assert all(it.indexed for it in entries)
    assert all(found)
    assert f"codelab_memory_points {len(acknowledged)}.0" in gauges


async def _noted(client: Client, agent: str) -> str:
    return (await client.remember(agent, f"{uuid4().hex} pump")).text


async def _ask(data_dir: Path) -> None:
    """What the command does, beside the running server."""
    database = SqliteDatabase(data_dir / DATABASE_FILE, clock=utc_now)
    try:
        assert await SqlCollectionStore(database).write(reindex) is not None
    finally:
        await database.close()


async def _settled_at(data_dir: Path) -> None:
    database = SqliteDatabase(data_dir / DATABASE_FILE, clock=utc_now)
    store = SqlCollectionStore(database)
    try:
        async with asyncio.timeout(START_S):
            while await store.read(
                lambda rows: rows.waiting() or any(_is_on_its_way(it) for it in rows.all())
            ):
                await asyncio.sleep(0.05)
    finally:
        await database.close()


async def _entries(client: Client, agent: str) -> Sequence[MemoryEntry]:
    page = (await client.memory(agent, first=100)).entries
    found = list(page.nodes)
    while page.page_info.has_next_page:
        page = (await client.memory(agent, first=100, after=page.page_info.end_cursor)).entries
        found += page.nodes
    return found


async def _found_at(client: Client, agent: str, text: str) -> bool:
    async with asyncio.timeout(PATIENT_S):
        while True:
            with suppress(Refused):  # as above
                return text in {it.memory.text for it in await client.search_memory(agent, text, first=3)}


async def client_metrics(url: str) -> str:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=START_S) as http:
        while "codelab_memory_points NaN" in (page := (await http.get("/metrics")).text):
            await asyncio.sleep(5)  # they are counted every five seconds
        return page


def _is_on_its_way(collection: Collection) -> bool:
    return collection.lives and not (collection.is_ready and collection.is_told)

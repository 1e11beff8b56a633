"""Memory as it is put together: the real index beside the database, over restarts, and after forgetting."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest

from codelab_client import Client, MessageSent
from domain.memory.ports import MemoryIndex
from graphql_api.app.main import open_parts
from graphql_api.app.memory import INDEX_FOLDER
from graphql_api.app.settings import Settings
from graphql_api.app.stores import DATABASE_FILE
from graphql_api.app.web import Web
from persistence.purge import Purge
from tests.clients.servers import PASSWORD, client_of
from tests.domain.memory.fakes import ListIndex
from tests.graphql_api.schema.api import Api
from tests.graphql_api.schema.test_memory import DELETE_SESSION, entries, found, heard, learned, noted
from tests.processes import CodelabProcess

CANARY = "xylophonecanary"
TOLD = f"@CodeAssistant My favourite colour is {CANARY}"
ASKED = "@CodeAssistant What is my favourite colour?"


@asynccontextmanager
async def _signed_up(data_dir: Path, index: MemoryIndex | None = None) -> AsyncIterator[Api]:
    """A signed-in client of the application on SQLite with its real index, or a given one."""
    settings = Settings(data_dir=data_dir, rate_limit_per_minute=100_000, offline_tokens_per_second=0)
    async with open_parts(settings, memory_index=index) as parts:
        transport = httpx.ASGITransport(Web(parts).asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield await Api(http, parts).signed_up("ada@example.com")


def _cells_with(database: Path, text: str) -> list[str]:
    """The columns of the database that hold a text somewhere."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        columns = [
            (table, column)
            for table in tables
            for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
        ]
        return [
            f"{table}.{column}"
            for table, column in columns
            if connection.execute(
                f'SELECT 1 FROM "{table}" WHERE instr(lower(CAST("{column}" AS TEXT)), ?) LIMIT 1',
                (text,),
            ).fetchall()
        ]


def _files_with(folder: Path, text: str) -> list[str]:
    """The files below a folder that hold a text somewhere."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files if text.encode() in path.read_bytes()]


async def test_nothing_of_a_deleted_session_is_left_in_the_database_or_the_index(tmp_path: Path) -> None:
    async with _signed_up(tmp_path) as api:
        await _a_session_is_deleted_without_a_trace(api, tmp_path)


async def _a_session_is_deleted_without_a_trace(api: Api, tmp_path: Path) -> None:
    project = await api.project()
    agent = project["agents"]["nodes"][0]["id"]
    first, second = await api.session(project["id"]), await api.session(project["id"])
    await noted(api, agent, "Lunch is at noon")
    await api.ask(first, TOLD, "k1")
    await learned(api, agent, 2)
    recalled = await api.ask(second, ASKED.replace("What", "Once more: what"), "k2")
    assert recalled["run"]["answer"]["citations"]
    before = _cells_with(tmp_path / DATABASE_FILE, CANARY)

    await api.data(DELETE_SESSION, id=first)
    await heard(api)
    await Purge(api.parts.stores.database, api.parts.stores.unowned).buried()

    assert {"memories.text", "messages.content", "events.data"} <= set(before)
    assert await api.parts.memory.points() == (await entries(api, agent))["totalCount"]
    assert CANARY not in " ".join(await found(api, agent, f"favourite colour {CANARY}"))
    assert _files_with(tmp_path / INDEX_FOLDER, CANARY) == []
    assert _cells_with(tmp_path / DATABASE_FILE, CANARY) == []


async def test_without_an_index_answers_are_made_counted_and_told_of(tmp_path: Path) -> None:
    index = ListIndex()
    async with _signed_up(tmp_path, index) as api:
        project = await api.project()
        session = await api.session(project["id"])
        await noted(api, project["agents"]["nodes"][0]["id"], "Lunch is at noon")
        index.down = True

        asked = await api.ask(session, TOLD, "k")
        page = (await api.http.get("/metrics")).text
        ready = (await api.http.get("/readyz")).json()

    assert asked["run"]["status"] == "SUCCEEDED"
    assert asked["run"]["answer"]["citations"] == []
    assert "codelab_answers_without_memory_total 1.0" in page
    assert "codelab_memories_recalled_total 0.0" in page
    assert "codelab_memory_points NaN" in page
    assert 'codelab_memory_index_seconds_count{answered="false",call="search"} 1.0' in page
    assert (ready["status"], ready["parts"]["memory"]) == ("degraded", "lost")


async def _asked(client: Client, project_id: str, question: str) -> MessageSent:
    """A question in a session of its own, answered."""
    session = await client.create_session(project_id)
    return await client.send(session.id, question, wait_s=20)


async def _answer(client: Client, project_id: str) -> str:
    answer = (await _asked(client, project_id, ASKED)).run.answer
    assert answer is not None
    assert all(CANARY in citation.excerpt for citation in answer.citations[:1])
    return answer.content


async def _indexed(client: Client, agent_id: str) -> None:
    async with asyncio.timeout(60):
        while True:
            nodes = (await client.memory(agent_id)).entries.nodes
            if nodes and all(it.indexed for it in nodes):
                return
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_what_is_told_in_one_session_is_known_in_others_even_after_a_kill(tmp_path: Path) -> None:
    settings = {"CODELAB_OFFLINE_TOKENS_PER_SECOND": "0"}
    async with CodelabProcess(tmp_path, settings=settings) as server, client_of(server.url) as client:
        await client.register("ada@example.com", PASSWORD)
        project = await client.create_project("Work")
        agent_id = (await client.project(project.id)).agents.nodes[0].id
        await _asked(client, project.id, TOLD)
        await _indexed(client, agent_id)

        in_another = await _answer(client, project.id)
        await _asked(client, project.id, "@CodeAssistant My lucky number is 4711")
        await _indexed(client, agent_id)
        await server.kill()
        await server.restart()
        after_the_kill = await _answer(client, project.id)
        hits = await client.search_memory(agent_id, "lucky number")

    assert in_another == after_the_kill == f"You told me earlier: your favourite colour is {CANARY}."
    assert "4711" in hits[0].memory.text

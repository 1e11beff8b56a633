"""`codelab memory reindex`, and a change of the embedding model, over the real index beside the database."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import httpx
import psutil
import pytest
from pydantic import SecretStr

from codelab_client import Client, MemoryHit, Refused
from domain.memory import remember
from domain.memory.collections import Collection, CollectionRows, CollectionState
from domain.memory.ports import Space
from graphql_api.app.data_dir import locked
from graphql_api.app.main import open_parts
from graphql_api.app.memory import INDEX_FOLDER
from graphql_api.app.reindex import Progress, ReindexRefused, Screen, run_reindex, watch
from graphql_api.app.run import DatabaseRefused, run_migrations
from graphql_api.app.settings import Settings
from graphql_api.app.web import Web
from persistence.qdrant.edge_index import EdgeMemoryIndex
from persistence.qdrant.process import WORKER
from tests.clients.servers import PASSWORD, client_of
from tests.graphql_api.schema.api import Api
from tests.graphql_api.schema.test_memory import REMEMBER, found, heard, noted
from tests.integrations.embeddings.endpoint import Answer, EmbeddingServer, fails, vectors
from tests.integrations.loopback import Request
from tests.launchers.owned_process import OwnedProcess
from tests.persistence.qdrant.conftest import patient_index
from tests.processes import CodelabProcess

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
START_S = 90
DIMENSIONS = {"first": 8, "second": 16}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Rows:
    """What is read of the collections, one reading after the other; the last one stays."""

    def __init__(self, *readings: Sequence[Collection]) -> None:
        self._readings = list(readings)
        self.waits = 0

    def all(self) -> Sequence[Collection]:
        return self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]

    def waiting(self) -> int:
        return self.waits

    async def read(self, work: Callable[[CollectionRows], T]) -> T:
        return work(self)  # type: ignore[arg-type]  # only what watching reads

    write = read


def a_collection(state: CollectionState, *, told: int = 0, problem: str | None = None) -> Collection:
    took_s = 12.34 if state is CollectionState.READY else None
    return Collection(
        Space("words", 8, generation=2), state, total=40, told=told, problem=problem, served_after_s=took_s
    )


async def watched(*readings: Collection, out: io.StringIO | None = None) -> str:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    out = out or io.StringIO()
    asked = a_collection(CollectionState.ASKED)
    await watch(Rows(*([it] for it in readings)), asked, Screen(out), sleep=sleep)
    return out.getvalue()


TELLING, READY = CollectionState.TELLING, CollectionState.READY


async def test_away_from_a_terminal_each_tenth_is_a_line() -> None:
    said = await watched(
        *(a_collection(TELLING, told=told) for told in (0, 1, 2, 20, 21)), a_collection(READY)
    )

    assert said.splitlines() == [
        "  0 of 40 memories (0 %)",
        "  20 of 40 memories (50 %)",
        "  40 of 40 memories (100 %)",
        "Done in 12.3 s: searches are answered from the new collection.",
    ]


async def test_on_a_terminal_a_bar_stays_in_its_line() -> None:
    said = await watched(a_collection(TELLING, told=20), a_collection(READY), out=Terminal())

    bars = said.split("\r")[1:]
    assert [bar.count("#") for bar in bars] == [15, 30]
    assert said.endswith("\nDone in 12.3 s: searches are answered from the new collection.\n")


async def test_why_it_waits_is_said_once() -> None:
    failing = a_collection(TELLING, told=20, problem="The embedding model is away.")

    said = await watched(failing, failing, a_collection(READY))

    assert said.count("It waits: The embedding model is away.") == 1


async def test_what_nobody_begins_is_told_of_once() -> None:
    asked = [a_collection(CollectionState.ASKED)] * 200

    said = await watched(*asked, a_collection(READY))

    assert said.count("No server has begun it yet.") == 1


async def test_a_collection_that_is_given_up_ends_the_watching() -> None:
    with pytest.raises(ReindexRefused, match="Another model"):
        await watched(a_collection(TELLING), a_collection(CollectionState.RETIRED))


async def test_a_server_that_stops_ends_the_watching() -> None:
    asked = a_collection(TELLING)

    with pytest.raises(ReindexRefused, match="next start goes on"):
        await watch(Rows([asked]), asked, Screen(io.StringIO()), sleep=asyncio.sleep, is_over=lambda: True)


def test_what_waits_is_not_counted_as_heard() -> None:
    told = a_collection(TELLING, told=30)

    assert str(Progress.of(told, waiting=10)) == "20 of 40 memories (50 %)"
    assert Progress.of(told, waiting=99).heard == 0
    assert Progress(0, 0).percent == 100


def asked(settings: Settings, *, wait: bool = True) -> str:
    out = io.StringIO()
    run_reindex(settings, wait=wait, out=out)
    return out.getvalue()


@pytest.mark.usefixtures("log_restored")
class TestWithoutAServer:
    def test_a_deployment_without_an_index_has_nothing_to_reindex(self, tmp_path: Path) -> None:
        url = SecretStr("postgresql://codelab@127.0.0.1:9/codelab")

        with pytest.raises(ReindexRefused, match="CODELAB_QDRANT_URL"):
            asked(Settings(data_dir=tmp_path, database_url=url))

    def test_a_database_that_is_away_is_told_of(self, tmp_path: Path) -> None:
        url = SecretStr("postgresql://codelab:geheim@127.0.0.1:9/codelab")

        with pytest.raises(DatabaseRefused, match="CODELAB_DATABASE_URL") as refused:
            asked(Settings(data_dir=tmp_path, database_url=url, qdrant_url="http://127.0.0.1:9"))
        assert "geheim" not in str(refused.value)

    def test_an_empty_folder_stays_empty(self, tmp_path: Path) -> None:
        with pytest.raises(ReindexRefused, match="no data"):
            asked(Settings(data_dir=tmp_path / "data"))

        assert not (tmp_path / "data").exists()

    def test_before_the_first_start_there_is_no_index(self, tmp_path: Path) -> None:
        run_migrations(Settings(data_dir=tmp_path))

        with pytest.raises(ReindexRefused, match="first start"):
            asked(Settings(data_dir=tmp_path))

    async def test_the_next_start_does_it(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path)
        async with open_parts(settings) as parts:
            await parts.memory.collections.read()

        said = [await asyncio.to_thread(asked, settings) for _ in range(2)]

        assert "Memories are reindexed (lexical, 384 numbers, generation 2)" in said[0]
        assert "Memories are being reindexed already" in said[1]
        assert all("The next start does it: codelab serve" in it for it in said)
        async with open_parts(settings) as parts, asyncio.timeout(20):
            while (await parts.memory.collections.serving()).space.generation != 2:
                await asyncio.sleep(0.01)

    async def test_without_waiting_a_running_server_is_left_to_it(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path)
        async with open_parts(settings) as parts:
            await parts.memory.collections.read()
            with locked(tmp_path):
                said = await asyncio.to_thread(asked, settings, wait=False)

        assert "The server does it." in said


class TwoModels:
    """An endpoint's two models, of which the second may be away."""

    away = False

    def __call__(self, request: Request) -> Answer | None:
        if self.away and request["model"] == "second":
            return fails(503)(request)
        return vectors(request, dimension=DIMENSIONS[request["model"]])


@asynccontextmanager
async def served(data_dir: Path, model: str, base_url: str) -> AsyncIterator[Api]:
    """A client of the application over the real index, whose memories are compared by a model of an endpoint."""
    settings = Settings(
        data_dir=data_dir,
        rate_limit_per_minute=1_000_000,
        openai_api_key=SecretStr("sk-of-nobody"),
        openai_base_url=base_url,
        embedding_model=model,
        embedding_dimension=DIMENSIONS[model],
        model_max_attempts=1,
        memory_review=False,
    )
    async with patient_index(data_dir / INDEX_FOLDER) as index, _opened(settings, index) as api:
        yield api


@asynccontextmanager
async def _opened(settings: Settings, index: EdgeMemoryIndex) -> AsyncIterator[Api]:
    async with open_parts(settings, memory_index=index) as parts:
        transport = httpx.ASGITransport(Web(parts).asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as http:
            yield Api(http, parts)


async def test_another_model_takes_over_while_searches_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remember, "INDEXED_WITHIN_S", 60.0)
    models = TwoModels()
    async with EmbeddingServer(models) as endpoint:
        async with served(tmp_path, "first", endpoint.base_url) as api:
            ada = await api.signed_up("ada@example.com")
            agent = (await ada.project())["agents"]["nodes"][0]["id"]
            for number in range(40):
                await noted(ada, agent, f"Pump {number} is red")
        models.away = True
        async with served(tmp_path, "second", endpoint.base_url) as api:
            ada = replace(api, token=ada.token)
            before = [await _searched(ada, agent) for _ in range(20)]
            late = await ada.data(REMEMBER, agent=agent, text="Pump 40 is red")
            models.away = False
            during = [await _searched(ada, agent)]
            async with asyncio.timeout(60):
                while during[-1] != "second":
                    during.append(await _searched(ada, agent))
            await heard(ada)
            points, labels = await ada.parts.memory.points(), {*before, *during}

        assert set(before) == {"first"}
        assert labels == {"first", "second"}
        assert late["memory"]["indexed"]
        assert points == 41


async def _searched(api: Api, agent: str) -> str:
    """Search, which must find; by what it was compared."""
    assert len(await found(api, agent, "red pump")) == 10
    memory = (await api.data(LABEL, agent=agent))["memory"]
    label: str = memory["embedder"]
    return label


LABEL = "query ($agent: ID!) { agent(id: $agent) { memory { embedder } } }"


class Command:
    """One run of `codelab memory reindex` beside a server."""

    def __init__(self, server: CodelabProcess, *options: str) -> None:
        foreign = ("CODELAB_", "OPENAI_")
        ours = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.process = OwnedProcess(
            [sys.executable, "-m", "graphql_api.app.cli", "memory", "reindex", *options],
            output=server.data_dir / f"reindex-{uuid4().hex}.log",
            cwd=ROOT,
            env={**ours, "CODELAB_DATA_DIR": str(server.data_dir)},
        )

    async def printed(self, text: str) -> None:
        async def there() -> bool:
            return text in self.process.output()

        await self.process.until_ready(there, timeout_s=START_S)


async def _hits(client: Client, agent: str) -> Sequence[MemoryHit]:
    """What is found as soon as the index answers in time, which it may not on a busy machine."""
    async with asyncio.timeout(START_S):
        while True:
            try:
                return await client.search_memory(agent, "red pump", first=20)
            except Refused:
                await asyncio.sleep(0.1)


@asynccontextmanager
async def running(server: CodelabProcess) -> AsyncIterator[CodelabProcess]:
    """A server that may take its time to start, on a busy machine."""
    try:
        await server.start(timeout_s=START_S)
        yield server
    finally:
        await server.kill()


def index_process(server: CodelabProcess) -> psutil.Process:
    """The process of a server's index; suspended, it keeps a reindex from its end and the database free."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    return next(it for it in children if WORKER in it.cmdline())


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_command_hands_the_job_to_the_running_server_and_only_watches(tmp_path: Path) -> None:
    async with running(CodelabProcess(tmp_path)) as server, client_of(server.url) as client:
        await client.register("ada@example.com", PASSWORD)
        project = await client.create_project("Work")
        agent = (await client.project(project.id)).agents.nodes[0].id
        for number in range(20):
            await client.remember(agent, f"Pump {number} is red")

        index = index_process(server)
        index.suspend()
        watching = Command(server)
        await watching.printed("Memories are reindexed (lexical, 384 numbers, generation 2)")
        watching.process.send(signal.SIGINT)
        interrupted = await watching.process.ended(timeout_s=START_S)
        again = Command(server)
        await again.printed("Memories are being reindexed already")
        index.resume()
        done = await again.process.ended(timeout_s=START_S)
        hits = await _hits(client, agent)

    assert interrupted == 130
    assert "The reindex goes on in the server" in watching.process.output()
    assert "Traceback" not in watching.process.output()
    assert done == 0
    assert re.search(r"20 of 20 memories \(100 %\)\nDone in [\d.]+ s", again.process.output())
    assert len(hits) == 20
    assert (tmp_path / INDEX_FOLDER / "memories_lexical_384_v1_g2").exists()

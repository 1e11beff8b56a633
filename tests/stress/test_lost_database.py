"""The way to PostgreSQL is cut, silent or gone for a while: clear answers meanwhile, and everything is there afterwards."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from graphql_api.app.settings import Settings
from persistence.postgres import PostgresDatabase
from tests.launchers.postgres import PostgresServer
from tests.launchers.proxy import FaultProxy
from tests.stress.books import Books
from tests.stress.conftest import Watched
from tests.stress.office import until
from tests.stress.served import Served, open_served

WORDS = " ".join(f"word{number}" for number in range(60))
WORDS_PER_SECOND = 30
NO_HANG_S = 15
SLACK_S = 5

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Network:
    """An application, and the way to its database."""

    served: Served
    proxy: FaultProxy
    books: Books
    name: str

    async def answering(self) -> str:
        """A run whose answer has begun."""
        sent = (await self.served.send(f"repeat {WORDS}")).data["sendMessage"]
        assert sent["run"]["status"] == "RUNNING"
        await asyncio.sleep(0.3)  # some words are out
        return str(sent["run"]["id"])

    async def refused(self, *, requests: int) -> None:
        """Requests of both kinds answer that it can't be done now, and in time."""
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self.served.look()) for _ in range(requests)]
            asked += [group.create_task(self.served.send("hello")) for _ in range(requests)]
        answers = [each.result() for each in asked]
        sys.stdout.write(f"\nthe slowest refusal took {max(it.took_s for it in answers):.1f} s\n")
        assert [it.body for it in answers if not it.is_unavailable] == []
        assert all(it.status < 500 or it.status == 503 for it in answers)
        assert max(it.took_s for it in answers) < NO_HANG_S

    async def whole_again(self, run_id: str) -> None:
        """What was running is recorded, requests are answered, and no connection was lost on the way."""
        recovered_s = await self.served.becomes(ready=True)
        run = await self.served.ended(run_id)
        assert (run["status"], run["answer"]["content"]) == ("SUCCEEDED", WORDS), run
        sent = (await self.served.send("what is 2+2", wait_s=20)).data["sendMessage"]
        assert sent["run"]["status"] == "SUCCEEDED"
        assert (await self.served.look()).data["project"]["name"]
        sys.stdout.write(f"ready again after {recovered_s:.1f} s\n")
        await until(self._idle)
        assert await self.books.wrong_at_rest() == []

    async def _idle(self) -> bool:
        database = self.served.parts.stores.database
        assert isinstance(database, PostgresDatabase)
        busy = await self.books.number(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'codelab'"
            f" AND datname = '{self.name}' AND state <> 'idle'"
        )
        return database.engine.pool.checkedout() == 0 and busy == 0  # type: ignore[attr-defined]  # of its QueuePool


@pytest.fixture
async def network(
    watched_postgres: Watched, postgres_server: PostgresServer, tmp_path: Path
) -> AsyncIterator[Network]:
    name = urlsplit(watched_postgres.url or "").path.lstrip("/")
    async with FaultProxy(postgres_server.port) as proxy:
        settings = Settings(
            data_dir=tmp_path,
            database_url=SecretStr(f"postgresql+asyncpg://postgres@127.0.0.1:{proxy.port}/{name}"),
            offline_tokens_per_second=WORDS_PER_SECOND,
            rate_limit_per_minute=100_000,
            shutdown_seconds=1,
        )
        async with open_served(settings) as served:
            yield Network(served, proxy, watched_postgres.books, name)


async def test_connections_that_are_cut_cost_nothing_but_a_moment(network: Network) -> None:
    run_id = await network.answering()

    network.proxy.cut()
    await asyncio.sleep(0.05)

    found = await network.served.look()
    assert found.is_unavailable or found.data["project"]["name"]
    assert (await network.served.look()).data["project"]["name"], "at the second try at the latest"
    await network.whole_again(run_id)


async def test_a_database_that_is_gone_for_a_while_is_said_to_be(network: Network) -> None:
    run_id = await network.answering()

    network.proxy.go_down()
    await network.served.becomes(ready=False)
    await network.refused(requests=5)
    network.proxy.come_back()

    await network.whole_again(run_id)


async def test_a_database_that_falls_silent_hangs_nobody(network: Network) -> None:
    run_id = await network.answering()

    network.proxy.swallow()
    await network.served.becomes(ready=False)
    await network.refused(requests=8)
    network.proxy.come_back()

    await network.whole_again(run_id)


async def test_five_silent_seconds_are_waited_for(network: Network, *, soak: bool) -> None:
    if not soak:
        pytest.skip("a shorter silence than the one before; `make soak` has the time")
    run_id = await network.answering()
    network.proxy.swallow()
    looked = asyncio.create_task(network.served.look())
    await asyncio.sleep(5)

    network.proxy.come_back()

    assert (await looked).data["project"]["name"]
    await network.whole_again(run_id)

"""Exact resume on the server matrix: several processes on PostgreSQL and a Redis that can't be trusted."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx
import pytest

from domain.bus.ports import LEASE_S
from tests.launchers.postgres import PostgresServer
from tests.launchers.proxy import FaultProxy
from tests.launchers.redis import RedisServer, require_redis
from tests.processes import CodelabProcess
from tests.resume.adversary import Adversary
from tests.resume.mangler import Mangler
from tests.resume.scene import Scale, play
from tests.resume.truth import PostgresServerDatabase, Truth
from tests.resume.wanderer import Figures
from tests.soak import SOAK

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(900)]

log = logging.getLogger("tests.resume")
PROCESSES = 3 if SOAK else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Several processes, each with a way of its own to one Redis."""

    servers: list[CodelabProcess]
    truth: Truth
    redis: RedisServer
    networks: list[FaultProxy]
    manglers: list[Mangler]

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]


@asynccontextmanager
async def deployed(postgres: PostgresServer, folder: Path, random: Random) -> AsyncIterator[Deployment]:
    """Start everything; at the end nothing is left but the PostgreSQL server."""
    database = await postgres.create_database()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(postgres.drop_database, database)
        redis = await stack.enter_async_context(RedisServer())
        shared = {
            "CODELAB_DATABASE_URL": postgres.url(database),
            "CODELAB_SECRET_KEYS": f"one:{secrets.token_urlsafe(48)}",
            "CODELAB_RATE_LIMIT_PER_MINUTE": "1000000",
            "CODELAB_OFFLINE_TOKENS_PER_SECOND": "60",
        }
        servers, networks, manglers = [], [], []
        for number in range(PROCESSES):
            network = await stack.enter_async_context(FaultProxy(redis.port))
            mangler = await stack.enter_async_context(Mangler(network.port, random=Random(random.random())))
            settings = {**shared, "CODELAB_REDIS_URL": f"redis://127.0.0.1:{mangler.port}/0"}
            process = CodelabProcess(folder / f"process-{number}", settings=settings)
            servers.append(await stack.enter_async_context(process))
            networks.append(network)
            manglers.append(mangler)
        yield Deployment(
            servers=servers,
            truth=Truth(PostgresServerDatabase(postgres.url(database, driver=""))),
            redis=redis,
            networks=networks,
            manglers=manglers,
        )


class Mischief:
    """A Redis that is cut off, silent and restarted, publications repeated, and a process that is killed.

    Args:
        deployment: What suffers.
        figures: What the readers have seen of it.
        random: Decides what happens when.
    """

    def __init__(self, deployment: Deployment, figures: Figures, random: Random) -> None:
        self.adversary = Adversary(deployment.redis.url(), random=Random(random.random()))
        self.restarts = 0
        self._deployment = deployment
        self._figures = figures
        self._random = random

    @property
    def has_done_its_worst(self) -> bool:
        return self._figures.restarted > 0 and self.restarts > 0

    async def reign(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.adversary.haunt())
            tasks.create_task(self._break_redis())
            tasks.create_task(self._kill_until_a_text_begins_anew())

    async def _break_redis(self) -> None:
        while True:
            for fault in ("cut", "swallow", "restart", "go_down", "cut"):
                await asyncio.sleep(self._random.uniform(0.5, 2.5))
                network = self._random.choice(self._deployment.networks)
                match fault:
                    case "cut":
                        network.cut()
                    case "restart":
                        await self._deployment.redis.restart()
                        self.restarts += 1
                    case _:
                        await self._break(network, fault)

    async def _break(self, network: FaultProxy, fault: str) -> None:
        (network.swallow if fault == "swallow" else network.go_down)()
        try:
            await asyncio.sleep(self._random.uniform(0.2, 1.5))
        finally:
            network.come_back()

    async def _kill_until_a_text_begins_anew(self) -> None:
        """Kill a process in the midst of an answer and start it again; the answer is another's by then."""
        while not self._figures.restarted:
            await asyncio.sleep(self._random.uniform(2.0, 4.0))
            server = await self._busy()
            await server.kill()
            await asyncio.sleep(self._random.uniform(0.0, 1.0))
            await server.restart()
            await self._leases_are_over()

    async def _busy(self) -> CodelabProcess:
        """A process that is working on something."""
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            while True:
                server = self._random.choice(self._deployment.servers)
                metrics = (await http.get(f"{server.url}/metrics")).text
                if re.search(r"^codelab_tasks_running [1-9]", metrics, re.MULTILINE):
                    return server
                await asyncio.sleep(0.02)

    async def _leases_are_over(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LEASE_S + 5):
                while not self._figures.restarted:
                    await asyncio.sleep(0.1)


@pytest.mark.parametrize("seed", range(10) if SOAK else [20261121])
async def test_readers_that_change_process_miss_nothing_whatever_happens_to_redis_and_processes(
    postgres_server: PostgresServer, tmp_path: Path, seed: int
) -> None:
    require_redis()
    random, figures = Random(seed), Figures()
    scale = (
        Scale(points=2_000, seconds=400)
        if SOAK
        else Scale(points=450, seconds=150, sessions=3, wanderers=5, pause_s=0.5)
    )

    async with deployed(postgres_server, tmp_path, random) as deployment:
        mischief = Mischief(deployment, figures, random)
        await play(
            deployment.urls,
            deployment.truth,
            figures,
            scale=scale,
            seed=seed,
            lossless=False,
            chaos=mischief,
        )

    manglers, repeated = deployment.manglers, mischief.adversary.repeated
    log.info("%d processes: %s", PROCESSES, figures)
    log.info(
        "publications: %d lost, %d doubled, %d late, %d repeated; %d restarts of Redis",
        sum(mangler.lost for mangler in manglers),
        sum(mangler.doubled for mangler in manglers),
        sum(mangler.late for mangler in manglers),
        repeated,
        mischief.restarts,
    )
    assert figures.left >= scale.points
    assert mischief.has_done_its_worst
    assert figures.switched_in_mid_answer >= 20
    assert repeated > 50
    assert all(mangler.lost and mangler.doubled and mangler.late for mangler in manglers)

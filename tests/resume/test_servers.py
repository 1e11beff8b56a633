"""Exact resume on the server matrix: several processes on PostgreSQL and a Redis that can't be trusted."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.launchers.postgres import PostgresServer
from tests.launchers.proxy import FaultProxy
from tests.launchers.redis import RedisServer, require_redis
from tests.processes import CodelabProcess
from tests.resume.adversary import Adversary
from tests.resume.mangler import Mangler
from tests.resume.scene import Scale, play
from tests.resume.truth import PostgresServerDatabase, Truth

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(900)]

SOAK = bool(os.environ.get("CODELAB_SOAK"))
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


@pytest.mark.parametrize("seed", range(10) if SOAK else [20261121])
async def test_readers_that_change_process_miss_nothing_whatever_redis_says(
    postgres_server: PostgresServer, tmp_path: Path, seed: int
) -> None:
    require_redis()
    random = Random(seed)
    scale = (
        Scale(points=2_000, seconds=400)
        if SOAK
        else Scale(points=450, seconds=50, sessions=3, wanderers=5, pause_s=0.5)
    )
    began = time.monotonic()

    async with deployed(postgres_server, tmp_path, random) as deployment:
        adversary = Adversary(deployment.redis.url(), random=Random(random.random()))
        figures = await play(
            deployment.urls,
            deployment.truth,
            scale=scale,
            seed=seed,
            lossless=False,
            chaos=lambda: _chaos(deployment, adversary, random),
        )

    figures.tell(f"{PROCESSES} processes", seconds=time.monotonic() - began)
    print(
        f"{sum(it.lost for it in deployment.manglers)} publications lost,"
        f" {sum(it.doubled for it in deployment.manglers)} doubled,"
        f" {sum(it.late for it in deployment.manglers)} late, {adversary.repeated} repeated"
    )
    assert figures.left >= scale.points
    assert figures.switched_in_mid_answer >= 20
    assert adversary.repeated > 0 < min(it.lost for it in deployment.manglers)


async def _chaos(deployment: Deployment, adversary: Adversary, random: Random) -> None:
    """Repeat, cut, swallow, and once in a while restart Redis, which forgets everything."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(adversary.haunt())
        tasks.create_task(_faults(deployment, random))


async def _faults(deployment: Deployment, random: Random) -> None:
    faults = ["restart", "cut", "swallow", "cut", "down"]
    while True:
        for fault in faults:
            await asyncio.sleep(random.uniform(0.5, 3.0))
            network = random.choice(deployment.networks)
            match fault:
                case "restart":
                    await deployment.redis.restart()
                case "cut":
                    network.cut()
                case "swallow":
                    network.swallow()
                case "down":
                    network.go_down()
            if fault in {"swallow", "down"}:
                try:
                    await asyncio.sleep(random.uniform(0.2, 1.5))
                finally:
                    network.come_back()

"""The exact reader over real Redis: two processes, and Redis failing in the midst of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from domain.events.kinds import FactBody, SessionDeleted, SessionRenamed
from domain.events.live import Appended, Delta
from domain.events.reader import SessionTails
from domain.events.tail import Rhythm
from tests.domain.events.fakes import KEY, ListLog, completed, created, message, run_started
from tests.domain.events.readers import Client
from tests.launchers.proxy import FaultProxy
from tests.launchers.redis import RedisServer, require_redis
from tests.persistence.redis.processes import Process, open_process

pytestmark = pytest.mark.redis

RHYTHM = Rhythm(heartbeat_s=0.5, active_s=0.1)


class Deployment:
    """A log, a Redis behind a proxy, one writing process and two reading ones."""

    def __init__(self, server: RedisServer, proxy: FaultProxy) -> None:
        self.server = server
        self.proxy = proxy
        self.log = ListLog()
        self.clients = [Client() for _ in range(4)]
        self.texts: dict[int, str] = {}

    async def open(self, stack: AsyncExitStack) -> None:
        self.writer = await self._process(stack)
        readers = [await self._process(stack) for _ in range(2)]
        self.tails = [
            await stack.enter_async_context(
                SessionTails(live=reader.live, log=self.log, clock=lambda: datetime.now(UTC), rhythm=RHYTHM)
            )
            for reader in readers
        ]

    async def _process(self, stack: AsyncExitStack) -> Process:
        url = f"redis://127.0.0.1:{self.proxy.port}/0"
        return await stack.enter_async_context(open_process(url, deadline_s=0.2, rest_s=0.1, ping_s=0.1))

    async def commit(self, *bodies: FactBody) -> None:
        await self.writer.live.publish(KEY, self.log.commit(*bodies))

    async def answer(self, number: int, *, words: int = 40) -> None:
        """Write one message as a worker does, at about a word each 2 ms."""
        self.log.active_runs = True
        message_id, text = message(number), ""
        await self.commit(run_started(), created(message_id))
        await self.writer.live.begin(KEY, message_id=message_id, generation=0)
        for word in range(words):
            delta = Delta(message_id, 0, len(text), f"{word}é ")
            text += delta.text
            if await self.writer.live.append(KEY, delta) is Appended.GAP:
                await self.writer.live.begin(KEY, message_id=message_id, generation=0, text=text)
            await asyncio.sleep(0.002)
        await self.writer.live.finish(KEY, message_id=message_id, generation=0)
        self.log.active_runs = False
        await self.commit(completed(message_id, text), SessionRenamed(f"after {number}"))

    async def all_know_everything(self) -> None:
        bodies = [fact.body for fact in self.log.truth]
        async with asyncio.timeout(60):
            while any(client.facts != bodies for client in self.clients if client.connected):
                await asyncio.sleep(0.01)


@pytest.fixture
async def deployment() -> AsyncIterator[Deployment]:
    require_redis()
    async with (
        RedisServer() as server,
        FaultProxy(server.port) as proxy,
        AsyncExitStack() as stack,
    ):
        deployment = Deployment(server, proxy)
        await deployment.open(stack)
        yield deployment
        for client in deployment.clients:
            await client.disconnect()


async def test_text_arrives_while_it_is_written(deployment: Deployment) -> None:
    for client, tails in zip(deployment.clients, deployment.tails * 2, strict=True):
        client.connect(tails)

    await deployment.answer(1)
    await deployment.all_know_everything()

    for client in deployment.clients:
        deltas = [item for item in client.items if isinstance(item.body, Delta)]
        assert len(deltas) >= 20


@pytest.mark.parametrize("fault", ["none", "restart", "cut", "black hole", "down for good"])
async def test_clients_that_change_process_in_mid_answer_miss_nothing(
    deployment: Deployment, fault: str
) -> None:
    steady, *others = deployment.clients
    steady.connect(deployment.tails[0])
    wanderers = [
        asyncio.create_task(_wander(client, deployment.tails, patience_s=0.02 + 0.011 * number))
        for number, client in enumerate(others)
    ]
    answers = asyncio.create_task(_answers(deployment))
    await asyncio.sleep(0.1)

    await _break(deployment, fault)
    await answers

    await _stop(wanderers)
    for client, tails in zip(others, deployment.tails * 2, strict=False):
        await client.disconnect()
        client.connect(tails)
    await deployment.commit(SessionDeleted())
    async with asyncio.timeout(60):
        await asyncio.gather(*(client.ended() for client in deployment.clients))
    for client in deployment.clients:
        assert client.facts == [fact.body for fact in deployment.log.truth]
        assert client.gaps == 0
        assert client.problem is None


async def _answers(deployment: Deployment) -> None:
    for number in range(4):
        await deployment.answer(number)


async def _wander(client: Client, processes: list[SessionTails], *, patience_s: float) -> None:
    """Change from process to process for ever."""
    while True:
        for tails in processes:
            client.connect(tails)
            await asyncio.sleep(patience_s)
            await client.disconnect()


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _break(deployment: Deployment, fault: str) -> None:
    match fault:
        case "restart":
            await deployment.server.restart()
        case "cut":
            deployment.proxy.cut()
        case "black hole":
            deployment.proxy.swallow()
            await asyncio.sleep(0.4)
            deployment.proxy.come_back()
        case "down for good":
            deployment.proxy.go_down()

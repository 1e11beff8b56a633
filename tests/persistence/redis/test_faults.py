"""What the Redis twins do while Redis is cut off, silent, restarted or not there at all."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from redis.asyncio.connection import AbstractConnection

from domain.events.live import Appended, Delta, SessionKey, TextSoFar
from domain.limits.ports import Allowance, Quota
from tests.launchers.proxy import FaultProxy
from tests.launchers.redis import RedisServer, require_redis
from tests.persistence.live_contract import fact, key, message_id, next_items
from tests.persistence.redis.processes import Process, open_process

__all__ = ["key", "message_id"]
pytestmark = pytest.mark.redis


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    require_redis()
    async with RedisServer() as server:
        yield server


@pytest.fixture
async def proxy(server: RedisServer) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
async def process(proxy: FaultProxy) -> AsyncIterator[Process]:
    """A process whose way to Redis is the proxy."""
    async with open_process(
        f"redis://127.0.0.1:{proxy.port}/0", deadline_s=0.3, rest_s=0.1, ping_s=0.1
    ) as process:
        yield process


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():
            await asyncio.sleep(0.005)


async def heard(process: Process, key: SessionKey, arrivals: AsyncIterator[object], *, by: Process) -> None:
    """Publish until a listener hears it."""
    seq = 1000
    async with asyncio.timeout(10):
        while True:
            seq += 1
            await by.live.publish(key, [fact(seq)])
            try:
                async with asyncio.timeout(0.05):
                    while await anext(arrivals) != fact(seq):
                        pass
            except TimeoutError:
                continue
            return


async def test_a_restarted_redis_has_forgotten_texts_and_takes_them_whole(
    server: RedisServer, process: Process, key: SessionKey, message_id: UUID
) -> None:
    async with process.live.listen(key) as arrivals:
        await process.live.begin(key, message_id=message_id, generation=0, text="one")
        await next_items(arrivals, 1)

        await server.stop()
        outcome = await process.live.append(key, Delta(message_id, 0, 3, " two"))
        assert outcome is Appended.ACCEPTED
        await server.start()

        async def knows_the_loss() -> bool:
            return await process.live.append(key, Delta(message_id, 0, 7, " three")) is Appended.GAP

        await until(knows_the_loss)
        whole = "one two three"
        assert (
            await process.live.begin(key, message_id=message_id, generation=0, text=whole)
            is Appended.ACCEPTED
        )
        assert await process.live.writing(key) == [TextSoFar(message_id, 0, whole)]
        await heard(process, key, arrivals, by=process)


@pytest.mark.parametrize("fault", ["cut", "restart", "freeze"])
async def test_listening_goes_on_after_a_fault(
    fault: str, server: RedisServer, proxy: FaultProxy, process: Process, key: SessionKey
) -> None:
    async with (
        open_process(server.url(), rest_s=0.05) as other,
        process.live.listen(key) as arrivals,
        process.live.listen(SessionKey(uuid4(), uuid4())),
    ):
        await heard(process, key, arrivals, by=other)

        if fault == "cut":
            proxy.cut()
        elif fault == "restart":
            await server.restart()
        else:
            proxy.swallow()
            await asyncio.sleep(0.5)
            proxy.come_back()

        await heard(process, key, arrivals, by=other)


async def test_a_cut_connection_is_renewed_without_an_error(
    proxy: FaultProxy, process: Process, key: SessionKey
) -> None:
    await process.live.publish(key, [fact(1)])

    for seq in range(2, 6):
        proxy.cut()
        await process.live.publish(key, [fact(seq)])

    assert [item.seq for item in await process.live.buffered(key, after=0)] == [1, 2, 3, 4, 5]


async def test_a_black_hole_delays_one_call_and_then_nobody(
    proxy: FaultProxy, key: SessionKey, message_id: UUID
) -> None:
    tried: list[str] = []
    async with (
        open_process(
            f"redis://127.0.0.1:{proxy.port}/0",
            rest_s=60,
            observe=lambda name, _seconds, _answered: tried.append(name),
        ) as process,
        process.live.listen(key) as arrivals,
    ):
        live = process.live
        await live.begin(key, message_id=message_id, generation=0)
        proxy.swallow()
        tried.clear()

        began_s = time.perf_counter()
        for offset in range(200):
            assert await live.append(key, Delta(message_id, 0, offset, "x")) is Appended.ACCEPTED
        await live.publish(key, [fact(1)])
        assert await live.begin(key, message_id=message_id, generation=1) is Appended.ACCEPTED
        assert await live.finish(key, message_id=message_id, generation=1) is None
        assert await live.buffered(key, after=0) == []
        assert await live.writing(key) == []
        await live.drop(key)
        await process.hints.send("channel", {"n": 1})
        assert await process.limiter.take("key", Quota(5, timedelta(seconds=1))) == Allowance(5, 5, 0.0)
        assert not await process.store.answers()
        took_s = time.perf_counter() - began_s

        assert len(tried) <= 1
        assert took_s < 5, "one call waits for its deadline, two hundred do not"
        deltas = [Delta(message_id, 0, offset, "x") for offset in range(200)]
        assert await next_items(arrivals, 201) == [*deltas, fact(1)], "this process is still served"


async def test_many_callers_in_a_black_hole_wait_no_longer_than_one(
    proxy: FaultProxy, process: Process, key: SessionKey, message_id: UUID
) -> None:
    assert await process.store.answers()
    proxy.swallow()

    began_s = time.perf_counter()
    await asyncio.gather(*(process.live.append(key, Delta(message_id, 0, 0, "x")) for _ in range(100)))

    assert time.perf_counter() - began_s < 3
    proxy.come_back()
    await until(process.store.answers)


async def test_a_store_that_is_back_is_used_again(
    proxy: FaultProxy, process: Process, key: SessionKey
) -> None:
    proxy.go_down()
    assert not await process.store.answers()

    proxy.come_back()
    await until(process.store.answers)

    await process.live.publish(key, [fact(1)])
    assert await process.live.buffered(key, after=0) == [fact(1)]


async def test_a_process_starts_without_redis_and_finds_it_later(
    server: RedisServer, key: SessionKey
) -> None:
    await server.stop()

    began_s = time.perf_counter()
    async with open_process(server.url(), rest_s=0.05) as process, process.live.listen(key) as arrivals:
        assert time.perf_counter() - began_s < 5
        await process.live.publish(key, [fact(1)])
        assert await next_items(arrivals, 1) == [fact(1)]

        await server.start()

        async with open_process(server.url()) as other:
            await heard(process, key, arrivals, by=other)


async def test_a_silent_connection_is_given_up(
    proxy: FaultProxy, process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="persistence.redis.broadcast")
    assert await process.store.answers()

    proxy.swallow()

    async def given_up() -> bool:
        return "listening failed with ConnectionError" in caplog.text

    await until(given_up)


async def test_a_hint_still_reaches_this_process(server: RedisServer, process: Process) -> None:
    async with process.hints.listen("channel") as arrivals:
        await server.stop()

        await process.hints.send("channel", {"n": 1})

        assert await next_items(arrivals, 1) == [{"n": 1}]


async def test_each_caller_that_passes_the_limiter_unchecked_is_counted(server: RedisServer) -> None:
    passed: list[None] = []
    async with open_process(server.url(), on_open=lambda: passed.append(None)) as process:
        await process.limiter.take("key", Quota(1, timedelta(seconds=60)))
        await server.stop()

        for _ in range(3):
            assert (await process.limiter.take("key", Quota(1, timedelta(seconds=60)))).allowed

    assert len(passed) == 3


async def test_every_call_that_was_tried_is_observed(server: RedisServer, key: SessionKey) -> None:
    seen: list[tuple[str, bool]] = []

    def observe(name: str, seconds: float, answered: bool) -> None:
        assert seconds >= 0
        seen.append((name, answered))

    async with open_process(server.url(), observe=observe, rest_s=30) as process:
        await process.live.buffered(key, after=0)
        await process.hints.send("channel", {})
        await server.stop()
        await process.live.publish(key, [fact(1)])
        await process.live.publish(key, [fact(2)])

    assert seen == [("buffered_facts", True), ("publish", True), ("publish_facts", False)]


async def test_an_error_instead_of_an_answer_counts_as_a_loss(
    server: RedisServer, process: Process, key: SessionKey, message_id: UUID
) -> None:
    await process.store.client.config_set("maxmemory", "1")

    assert await process.live.append(key, Delta(message_id, 0, 0, "x")) is Appended.ACCEPTED
    await process.live.publish(key, [fact(1)])


async def test_a_server_that_hangs_up_is_not_asked_without_pause() -> None:
    accepted: list[None] = []

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(None)
        writer.close()

    rude = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with open_process(f"redis://127.0.0.1:{rude.sockets[0].getsockname()[1]}/0"):
        await asyncio.sleep(0.5)
    rude.close()
    await rude.wait_closed()

    assert 1 <= len(accepted) < 20


async def test_listening_outlives_a_failure_that_nobody_thought_of(
    process: Process, key: SessionKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = process.store.new_connection
    failures = [KeyError("surprise")]

    def surprise() -> AbstractConnection:
        if failures:
            raise failures.pop()
        return real()

    async with process.live.listen(key) as arrivals:
        await heard(process, key, arrivals, by=process)
        monkeypatch.setattr(process.store, "new_connection", surprise)
        await process.store.client.client_kill_filter(_type="pubsub")

        await heard(process, key, arrivals, by=process)

    assert not failures
    assert "failed in a new way" in caplog.text


async def test_many_channels_are_subscribed_again(
    server: RedisServer, proxy: FaultProxy, process: Process
) -> None:
    channels = [f"channel {number}" for number in range(1200)]
    for channel in channels:
        await process.backend.subscribe(channel)

    async def all_subscribed() -> bool:
        return all([await process.backend.subscribed(channel) for channel in channels])

    await until(all_subscribed)

    proxy.cut()

    async def subscribed_again() -> bool:
        return await process.store.client.pubsub_numsub(channels[0], channels[-1]) == [
            (channels[0].encode(), 1),
            (channels[-1].encode(), 1),
        ]

    await until(subscribed_again)
    for channel in channels:
        await process.backend.unsubscribe(channel)

    async def unsubscribed() -> bool:
        return await process.store.client.pubsub_channels() == []

    await until(unsubscribed)
    assert not await process.backend.subscribed(channels[0])

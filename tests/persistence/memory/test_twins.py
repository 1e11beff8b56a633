"""The embedded twins keep the contracts, and stay small."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from broadcaster import Broadcast

from domain.events.live import Appended, Delta, SessionKey, TextSoFar
from domain.limits.ports import Quota
from persistence.memory.hints import MemoryHints
from persistence.memory.live import IDLE_S, MemoryLive
from persistence.memory.rate_limiter import MemoryRateLimiter
from tests.persistence.live_contract import (
    HintsContract,
    LiveContract,
    RateLimiterContract,
    Stores,
    fact,
    key,
    message_id,
)

__all__ = ["key", "message_id"]


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s

    async def advance(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def broadcast() -> AsyncIterator[Broadcast]:
    async with Broadcast("memory://") as broadcast:
        yield broadcast


@pytest.fixture
def stores(broadcast: Broadcast, clock: Clock) -> Stores:
    live = MemoryLive(broadcast, monotonic_s=clock)
    hints = MemoryHints(broadcast)
    limiter = MemoryRateLimiter(monotonic_s=clock)
    return Stores(live, live, hints, hints, limiter, limiter, clock.advance)


class TestMemoryLive(LiveContract):
    async def test_sessions_beyond_the_bound_are_forgotten_longest_idle_first(
        self, broadcast: Broadcast, clock: Clock
    ) -> None:
        live = MemoryLive(broadcast, monotonic_s=clock, max_sessions=2)
        keys = [SessionKey(uuid4(), uuid4()) for _ in range(3)]
        message = uuid4()

        await live.begin(keys[0], message_id=message, generation=0, text="text")
        await live.publish(keys[1], [fact(1)])
        await live.append(keys[0], Delta(message, 0, 4, "!"))
        await live.publish(keys[2], [fact(1)])

        assert await live.buffered(keys[1], after=0) == []
        assert await live.writing(keys[0]) == [TextSoFar(message, 0, "text!")]
        assert await live.buffered(keys[2], after=0) == [fact(1)]

    async def test_idle_sessions_take_no_memory(self, broadcast: Broadcast, clock: Clock) -> None:
        live = MemoryLive(broadcast, monotonic_s=clock)
        for _ in range(50):
            await live.publish(SessionKey(uuid4(), uuid4()), [fact(1)])

        await clock.advance(IDLE_S)
        await live.publish(SessionKey(uuid4(), uuid4()), [fact(1)])

        assert live.sessions == 1

    async def test_an_end_is_remembered_as_long_as_a_text(self, stores: Stores) -> None:
        key, message = SessionKey(uuid4(), uuid4()), uuid4()
        await stores.live.finish(key, message_id=message, generation=0)

        await stores.advance(IDLE_S)

        assert await stores.live.append(key, Delta(message, 0, 0, "x")) is Appended.ACCEPTED


class TestMemoryHints(HintsContract):
    pass


class TestMemoryRateLimiter(RateLimiterContract):
    async def test_keys_beyond_the_bound_are_forgotten(self, clock: Clock) -> None:
        limiter = MemoryRateLimiter(monotonic_s=clock, max_keys=2)
        quota = Quota(1, timedelta(seconds=60))
        for name in ("a", "b", "c"):
            await limiter.take(name, quota)

        assert (await limiter.peek("a", quota)).remaining == 1
        assert (await limiter.peek("b", quota)).remaining == 0

    async def test_whole_bursts_take_no_memory(self, clock: Clock) -> None:
        limiter = MemoryRateLimiter(monotonic_s=clock)
        quota = Quota(1, timedelta(seconds=60))
        for number in range(50):
            await limiter.take(str(number), quota)

        await clock.advance(61)
        await limiter.take("new", quota)

        assert limiter.keys == 1

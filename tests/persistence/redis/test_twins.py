"""The Redis twins keep the contracts, as two processes on one server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from domain.events.live import BUFFER_TTL_S, TEXT_TTL_S, Delta, SessionKey
from tests.launchers.redis import RedisServer
from tests.persistence.live_contract import (
    HintsContract,
    LiveContract,
    RateLimiterContract,
    Stores,
    fact,
    key,
    message_id,
    nothing_more,
)
from tests.persistence.redis.processes import Process, open_process

__all__ = ["key", "message_id"]
pytestmark = pytest.mark.redis

DATABASE = 5


@pytest.fixture
async def process(redis_server: RedisServer) -> AsyncIterator[Process]:
    async with open_process(redis_server.url(DATABASE), deadline_s=5) as process:
        await process.store.client.flushdb()
        yield process


@pytest.fixture
async def stores(redis_server: RedisServer, process: Process) -> AsyncIterator[Stores]:
    async def advance(seconds: float) -> None:
        await age(process.store.client, seconds)

    async with open_process(redis_server.url(DATABASE), deadline_s=5) as other:
        yield Stores(
            process.live, other.live, process.hints, other.hints, process.limiter, other.limiter, advance
        )


async def age(client: Redis, seconds: float) -> None:
    """Make every key older: nearer to its end, and a rate limit's time further back."""
    for name in cast("list[bytes]", await client.keys("*")):
        left_ms = await client.pttl(name) - int(seconds * 1000)
        if left_ms <= 0:
            await client.delete(name)
            continue
        if b":rate:" in name:
            whole_at = int(cast("bytes", await client.get(name)))
            await client.set(name, whole_at - int(seconds * 1_000_000))
        await client.pexpire(name, left_ms)


class TestRedisLive(LiveContract):
    async def test_every_key_carries_the_owner_in_one_hash_tag_and_ends_by_itself(
        self, process: Process, key: SessionKey
    ) -> None:
        message = uuid4()
        await process.live.publish(key, [fact(1)])
        await process.live.begin(key, message_id=message, generation=0, text="text")
        await process.live.finish(key, message_id=uuid4(), generation=0)

        client = process.store.client
        names = cast("list[bytes]", await client.keys("*"))

        assert len(names) == 5
        assert {name.split(b"}")[0] for name in names} == {
            f"codelab:{{{key.user_id}:{key.session_id}".encode()
        }
        ends = sorted([await client.ttl(name) for name in names])
        assert ends == pytest.approx([BUFFER_TTL_S] + 4 * [TEXT_TTL_S], abs=2)

    async def test_a_text_that_redis_evicted_is_a_gap(self, process: Process, key: SessionKey) -> None:
        message = uuid4()
        await process.live.begin(key, message_id=message, generation=0, text="text")
        (name,) = cast("list[bytes]", await process.store.client.keys("*:text:*"))

        await process.store.client.delete(name)

        assert await process.live.writing(key) == []
        assert await process.live.append(key, Delta(message, 0, 4, "x")) == "GAP"
        assert await process.live.begin(key, message_id=message, generation=0, text="tex") == "ACCEPTED"
        (text,) = await process.live.writing(key)
        assert text.text == "tex"

    async def test_lone_surrogates_are_written_as_question_marks(
        self, process: Process, key: SessionKey
    ) -> None:
        message = uuid4()

        await process.live.begin(key, message_id=message, generation=0, text="a\ud83d")
        await process.live.append(key, Delta(message, 0, 2, "\udc00b"))

        (text,) = await process.live.writing(key)
        assert text.text == "a??b"

    async def test_what_can_not_be_read_is_ignored(self, process: Process, key: SessionKey) -> None:
        client = process.store.client
        tag = f"codelab:{{{key.user_id}:{key.session_id}}}:"

        async with process.live.listen(key) as arrivals:
            for message in (b"\xff", b"{}", b"[1]", b"7", b'[{"kind":"New","v":99}]'):
                await client.publish(f"{tag}live", message)

            assert await nothing_more(arrivals)
        await client.zadd(f"{tag}facts", {"not a fact": 1})
        assert await process.live.buffered(key, after=0) == []


class TestRedisHints(HintsContract):
    async def test_what_can_not_be_read_is_ignored(self, process: Process) -> None:
        async with process.hints.listen("channel") as arrivals:
            for message in (b"\xff", b"[1]"):
                await process.store.client.publish("codelab:hints:channel", message)

            assert await nothing_more(arrivals)


class TestRedisRateLimiter(RateLimiterContract):
    async def test_a_charged_key_ends_when_its_burst_is_whole(self, process: Process, stores: Stores) -> None:
        await self.test_all_processes_charge_the_same_quota(stores)

        (name,) = cast("list[bytes]", await process.store.client.keys("*"))

        assert await process.store.client.ttl(name) == pytest.approx(60, abs=2)

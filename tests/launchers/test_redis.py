"""The Redis launcher on the real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.launchers.redis import RedisServer, require_redis

pytestmark = pytest.mark.redis


@asynccontextmanager
async def _client(server: RedisServer) -> AsyncIterator[Redis]:
    client = Redis.from_url(server.url(), socket_timeout=0.5, retry=Retry(NoBackoff(), 0))
    try:
        yield client
    finally:
        await client.aclose()


async def test_the_shared_server_answers(redis_server: RedisServer) -> None:
    async with _client(redis_server) as client:
        assert await client.incr("launcher:counter") == 1


@pytest.mark.parametrize(("durable", "kept"), [(True, b"7"), (False, None)])
async def test_a_restart_keeps_the_port_and_only_durable_data(durable: bool, kept: bytes | None) -> None:
    require_redis()
    async with RedisServer(durable=durable) as server:
        port = server.port
        async with _client(server) as client:
            await client.set("number", 7)

        await server.restart()

        assert server.port == port
        async with _client(server) as client:
            assert await client.get("number") == kept


async def test_a_frozen_server_stays_silent_until_it_goes_on() -> None:
    require_redis()
    async with RedisServer() as server, _client(server) as client:
        await client.ping()

        server.process.pause()
        with pytest.raises(RedisTimeoutError):
            await client.ping()
        server.process.resume()

        assert await client.ping()


async def test_a_stopped_server_refuses_connections() -> None:
    require_redis()
    async with RedisServer() as server, _client(server) as client:
        await server.stop()

        with pytest.raises(RedisConnectionError):
            await client.ping()

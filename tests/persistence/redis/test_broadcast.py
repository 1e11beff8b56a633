"""The broadcaster's backend ends when it is told to, whatever happens at that moment."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from persistence.redis.broadcast import RedisBackend
from persistence.redis.connection import RedisStore


class Connection:
    """Stays silent until it fails."""

    def __init__(self) -> None:
        self.fails = asyncio.Event()
        self.closed = False

    async def connect(self) -> None:
        pass

    async def disconnect(self, *, nowait: bool) -> None:
        self.closed = True

    async def send_command(self, *_args: str, check_health: bool) -> None:
        pass

    async def read_response(self, *, timeout: float, disconnect_on_error: bool) -> object:
        await self.fails.wait()
        raise RedisConnectionError


class Store:
    deadline_s = 1.0

    def __init__(self) -> None:
        self.made: list[Connection] = []

    def new_connection(self) -> AbstractConnection:
        self.made.append(Connection())
        return cast("AbstractConnection", self.made[-1])


@pytest.mark.parametrize("fails", [False, True])
async def test_a_connection_that_fails_while_the_backend_ends_does_not_keep_it(fails: bool) -> None:
    store = Store()
    backend = RedisBackend(cast("RedisStore", store))
    await backend.connect()
    await asyncio.sleep(0.001)

    if fails:
        store.made[0].fails.set()
    async with asyncio.timeout(60):
        await backend.disconnect()

    assert len(store.made) == 1
    assert store.made[0].closed


async def test_a_backend_that_never_began_can_end() -> None:
    await RedisBackend(cast("RedisStore", Store())).disconnect()

"""One process' view of Redis, opened and closed as the composition root does it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from broadcaster import Broadcast

from persistence.redis.broadcast import RedisBackend
from persistence.redis.connection import RedisStore, open_store
from persistence.redis.hints import RedisHints
from persistence.redis.live import RedisLive
from persistence.redis.rate_limiter import RedisRateLimiter


@dataclass(frozen=True)
class Process:
    """The Redis twins of one process."""

    store: RedisStore
    backend: RedisBackend
    live: RedisLive
    hints: RedisHints
    limiter: RedisRateLimiter


@asynccontextmanager
async def open_process(
    url: str,
    *,
    deadline_s: float = 0.5,
    rest_s: float = 0.2,
    ping_s: float = 0.2,
    on_open: Callable[[], None] = lambda: None,
    observe: Callable[[str, float, bool], None] = lambda _name, _seconds, _answered: None,
) -> AsyncIterator[Process]:
    async with open_store(
        url, monotonic_s=time.monotonic, observe=observe, deadline_s=deadline_s, rest_s=rest_s
    ) as store:
        backend = RedisBackend(store, ping_s=ping_s)
        async with Broadcast(backend=backend) as broadcast:
            yield Process(
                store,
                backend,
                RedisLive(store, broadcast=broadcast, backend=backend),
                RedisHints(broadcast=broadcast, backend=backend),
                RedisRateLimiter(store, on_open=on_open),
            )

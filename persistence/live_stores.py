"""Opens the live stores of one matrix: in the memory of this process, or in Redis."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from broadcaster import Broadcast

from persistence.memory.hints import MemoryHints
from persistence.memory.live import MemoryLive
from persistence.memory.rate_limiter import MemoryRateLimiter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from domain.events.live import Hints, Live
    from domain.limits.ports import RateLimiter
    from persistence.redis.connection import Observe, RedisStore


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStores:
    """What is live and what is counted; `redis` is None in memory."""

    live: Live
    hints: Hints
    limiter: RateLimiter
    redis: RedisStore | None = None


@asynccontextmanager
async def memory_stores(*, monotonic_s: Callable[[], float]) -> AsyncIterator[LiveStores]:
    """For one process."""
    async with Broadcast("memory://") as broadcast:
        yield LiveStores(
            live=MemoryLive(broadcast, monotonic_s=monotonic_s),
            hints=MemoryHints(broadcast),
            limiter=MemoryRateLimiter(monotonic_s=monotonic_s),
        )


@asynccontextmanager
async def redis_stores(
    url: str, *, monotonic_s: Callable[[], float], observe: Observe, on_open: Callable[[], None]
) -> AsyncIterator[LiveStores]:
    """For any number of processes; `on_open` hears when the lost store lets a caller through unchecked."""
    from persistence.redis.broadcast import RedisBackend
    from persistence.redis.connection import open_store
    from persistence.redis.hints import RedisHints
    from persistence.redis.live import RedisLive
    from persistence.redis.rate_limiter import RedisRateLimiter

    async with open_store(url, monotonic_s=monotonic_s, observe=observe) as store:
        backend = RedisBackend(store)
        async with Broadcast(backend=backend) as broadcast:
            yield LiveStores(
                live=RedisLive(store, broadcast=broadcast, backend=backend),
                hints=RedisHints(broadcast=broadcast, backend=backend),
                limiter=RedisRateLimiter(store, on_open=on_open),
                redis=store,
            )

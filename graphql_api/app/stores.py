"""Opens the stores of the matrix that the settings ask for: embedded, or on servers."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from broadcaster import Broadcast

from persistence.fact_log import SqlFactLog
from persistence.memory.hints import MemoryHints
from persistence.memory.live import MemoryLive
from persistence.memory.rate_limiter import MemoryRateLimiter
from persistence.postgres import PostgresDatabase
from persistence.redis.broadcast import RedisBackend
from persistence.redis.connection import Observe, RedisStore, open_store
from persistence.redis.hints import RedisHints
from persistence.redis.live import RedisLive
from persistence.redis.rate_limiter import RedisRateLimiter
from persistence.scopes import SqlScopes
from persistence.sqlite import SqliteDatabase
from persistence.unowned import Unowned

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.events.live import Hints, Live
    from domain.limits.ports import RateLimiter
    from graphql_api.app.settings import Settings

DATABASE_FILE = "codelab.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Open stores; `redis` is None in the embedded matrix."""

    database: SqliteDatabase | PostgresDatabase
    scopes: SqlScopes
    log: SqlFactLog
    unowned: Unowned
    live: Live
    hints: Hints
    limiter: RateLimiter
    redis: RedisStore | None


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def open_database(settings: Settings) -> SqliteDatabase | PostgresDatabase:
    """The database that the settings name; connects when it is first used."""
    if settings.database_url is None:
        return SqliteDatabase(settings.data_dir / DATABASE_FILE, clock=utc_now)
    return PostgresDatabase(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool,
        max_overflow=settings.database_pool_overflow,
    )


async def open_stores(
    settings: Settings,
    stack: AsyncExitStack,
    *,
    observe_redis: Observe = lambda _name, _seconds, _answered: None,
    live: Callable[[Live], Live] = lambda it: it,
) -> Stores:
    """Open everything; the stack closes it, the last opened first. `live` may wrap the live store."""
    database = open_database(settings)
    stack.push_async_callback(database.close)
    redis, inner, hints, limiter = await _open_live(settings, stack, observe_redis)
    outer = live(inner)
    return Stores(
        database=database,
        scopes=SqlScopes(database, live=outer, hints=hints),
        log=SqlFactLog(database),
        unowned=Unowned(database),
        live=outer,
        hints=hints,
        limiter=limiter,
        redis=redis,
    )


async def _open_live(
    settings: Settings, stack: AsyncExitStack, observe: Observe
) -> tuple[RedisStore | None, Live, Hints, RateLimiter]:
    if settings.redis_url is None:
        broadcast = await stack.enter_async_context(Broadcast("memory://"))
        memory = MemoryLive(broadcast, monotonic_s=time.monotonic)
        return None, memory, MemoryHints(broadcast), MemoryRateLimiter(monotonic_s=time.monotonic)
    store = await stack.enter_async_context(
        open_store(settings.redis_url.get_secret_value(), monotonic_s=time.monotonic, observe=observe)
    )
    backend = RedisBackend(store)
    broadcast = await stack.enter_async_context(Broadcast(backend=backend))
    live = RedisLive(store, broadcast=broadcast, backend=backend)
    return store, live, RedisHints(broadcast=broadcast, backend=backend), RedisRateLimiter(store)

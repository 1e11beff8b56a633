"""Opens the stores of the matrix that the settings ask for: embedded, or on servers."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from graphql_api.app.observation import ObservedLimiter, ObservedLive
from persistence.fact_log import SqlFactLog
from persistence.live_stores import LiveStores, memory_stores, redis_stores
from persistence.postgres import PostgresDatabase
from persistence.scopes import SqlScopes
from persistence.sqlite import SqliteDatabase
from persistence.unowned import Unowned

if TYPE_CHECKING:
    from domain.events.live import Hints, Live
    from domain.limits.ports import RateLimiter
    from graphql_api.app.metrics import Metrics
    from graphql_api.app.settings import Settings
    from persistence.redis.connection import RedisStore

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


def open_database(
    settings: Settings, *, on_violation: Callable[[], None] = lambda: None
) -> SqliteDatabase | PostgresDatabase:
    """The database that the settings name; connects when it is first used.

    PostgreSQL calls `on_violation` when its row-level security refuses a statement.
    """
    if settings.database_url is None:
        return SqliteDatabase(settings.data_dir / DATABASE_FILE, clock=utc_now)
    return PostgresDatabase(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool,
        max_overflow=settings.database_pool_overflow,
        on_violation=on_violation,
    )


async def open_stores(settings: Settings, stack: AsyncExitStack, *, metrics: Metrics) -> Stores:
    """Open everything, observed; the stack closes it, the last opened first."""
    database = open_database(settings, on_violation=metrics.isolation_violations.inc)
    stack.push_async_callback(database.close)
    opened = await stack.enter_async_context(_live_stores(settings, metrics))
    live = ObservedLive(opened.live, metrics=metrics)
    return Stores(
        database=database,
        scopes=SqlScopes(database, live=live, hints=opened.hints),
        log=SqlFactLog(database),
        unowned=Unowned(database),
        live=live,
        hints=opened.hints,
        limiter=ObservedLimiter(opened.limiter, metrics=metrics),
        redis=opened.redis,
    )


def _live_stores(settings: Settings, metrics: Metrics) -> AbstractAsyncContextManager[LiveStores]:
    if settings.redis_url is None:
        return memory_stores(monotonic_s=time.monotonic)
    url = settings.redis_url.get_secret_value()
    return redis_stores(
        url,
        monotonic_s=time.monotonic,
        observe=metrics.observe_redis,
        on_open=metrics.rate_limit_unchecked.inc,
    )

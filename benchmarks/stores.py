"""The databases that are measured side by side: the embedded one, and the servers when they are installed."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.launchers.postgres import PostgresServer
from tests.launchers.redis import RedisServer
from tests.processes import CodelabProcess

MEASURED: Mapping[str, str] = {
    "CODELAB_OFFLINE_TOKENS_PER_SECOND": "0",  # the model takes no time: what is left is ours
    "CODELAB_RATE_LIMIT_PER_MINUTE": "1000000",
}
MANY_SOCKETS: Mapping[str, str] = {
    "CODELAB_SUBSCRIPTIONS_PER_USER": "10000",
    "CODELAB_SOCKETS_PER_USER": "10000",
}
"""Lets one user hold thousands of subscriptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One matrix: its name, and where servers with a database of their own are told to keep their data."""

    name: str
    folder: Path
    postgres: PostgresServer | None = None
    redis: RedisServer | None = None

    async def server(self, name: str, *, measured: bool = True) -> CodelabProcess:
        """A server on fresh data, not started yet; one that is not `measured` has the settings of `make run`."""
        settings = await self._settings()
        return CodelabProcess(self.folder / name, settings={**(MEASURED if measured else {}), **settings})

    async def database_url(self) -> str | None:
        """A fresh database as the driver alone takes it; None for SQLite."""
        return self.postgres.url(await self.postgres.create_database(), driver="") if self.postgres else None

    async def _settings(self) -> dict[str, str]:
        if self.postgres is None:
            return {}
        settings = {"CODELAB_DATABASE_URL": self.postgres.url(await self.postgres.create_database())}
        return settings | ({"CODELAB_REDIS_URL": self.redis.url()} if self.redis else {})


@asynccontextmanager
async def stores(folder: Path) -> AsyncIterator[list[Store]]:
    """SQLite, and PostgreSQL with its own defaults (each commit reaches the disk), with Redis where there is one."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(PostgresServer(durable=True))
        redis = None
        if shutil.which("redis-server"):
            redis = await stack.enter_async_context(RedisServer())
        server = Store(
            name="PostgreSQL + Redis" if redis else "PostgreSQL",
            folder=folder / "server",
            postgres=postgres,
            redis=redis,
        )
        yield [Store(name="SQLite", folder=folder / "embedded"), server]

"""Opens the product on a copy of the two people's world, on SQLite or PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
import sqlalchemy as sa
from broadcaster import Broadcast
from pydantic import SecretStr
from starlette.types import ASGIApp

from graphql_api.app.main import Parts, open_parts
from graphql_api.app.setting_types import ProcessRole
from graphql_api.app.settings import Settings
from graphql_api.app.stores import DATABASE_FILE
from graphql_api.app.web import Web
from graphql_api.transport.documents import one_unit
from graphql_api.transport.routes import Transports
from persistence.sqlite import SqliteDatabase
from tests.graphql_api.transport.serving import Server
from tests.isolation.api import Api
from tests.isolation.building import build
from tests.isolation.forgetful import ForgetfulIndex
from tests.isolation.people import People
from tests.isolation.rows import Rows, everything
from tests.launchers.postgres import PostgresServer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Template:
    """A world that is not open; `server` and `database` are set when it lies in PostgreSQL."""

    people: People
    settings: Settings
    server: PostgresServer | None = None
    database: str = ""


@dataclass(frozen=True, slots=True)
class App:
    """The product, running on a copy of the world without a worker: nothing happens but what is asked."""

    people: People
    parts: Parts
    api: Api
    asgi: ASGIApp

    @property
    def engines(self) -> tuple[sa.Engine, ...]:
        """Every engine that executes statements."""
        database = self.parts.stores.database
        return database.engines if isinstance(database, SqliteDatabase) else (database.engine.sync_engine,)

    async def as_superuser(self, work: Callable[[sa.Connection], T]) -> T:
        """Run a read without an owner and without a role."""
        database = self.parts.stores.database
        if isinstance(database, SqliteDatabase):
            with database.engines[1].connect() as connection:
                return work(connection)
        async with database.engine.connect() as lasting:
            return await lasting.run_sync(work)

    async def rows(self) -> Rows:
        """Everything that is stored."""
        return await self.as_superuser(everything)


class _LimitlessWeb(Web):
    """Takes operations that ask for everything at once, which the product refuses: see tests/attack."""

    def _transports(self) -> Transports:
        return replace(super()._transports(), limits=(), cost=one_unit, max_tokens=10_000)


def settings(folder: Path, url: str | None = None) -> Settings:
    """No rate limit that a suite could reach, and a model that answers at once."""
    return Settings(
        data_dir=folder,
        database_url=SecretStr(url) if url else None,
        database_pool=4,
        rate_limit_per_minute=1_000_000,
        offline_tokens_per_second=0,
    )


async def sqlite_world(folder: Path, migrated: Path) -> Template:
    """Build the world in a file; `migrated` is an empty one."""
    shutil.copy(migrated, folder / DATABASE_FILE)
    wanted = settings(folder)
    return Template(await build(wanted), wanted)


async def postgres_world(folder: Path, server: PostgresServer, migrated: str) -> Template:
    """Build the world in a database; `migrated` is the name of an empty one."""
    name = await server.create_database(template=migrated)
    wanted = settings(folder, server.url(name))
    return Template(await build(wanted), wanted, server, name)


@asynccontextmanager
async def opened(template: Template, folder: Path, server: Server) -> AsyncIterator[App]:
    """The product on a copy of a world; `server` is where it is reached over sockets."""
    index = ForgetfulIndex()
    async with (
        _copy(template, folder) as copied,
        open_parts(copied, migrate=False, memory_index=index) as parts,
    ):
        asgi = _LimitlessWeb(parts).asgi
        transport = httpx.ASGITransport(asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as http:
            app = App(template.people, parts, Api(http, server.port), asgi)
            index.learn(await app.rows())
            yield app


@asynccontextmanager
async def _copy(template: Template, folder: Path) -> AsyncIterator[Settings]:
    shutil.copytree(template.settings.data_dir, folder, dirs_exist_ok=True)
    idle = {"process": ProcessRole.API, "data_dir": folder}
    if template.server is None:
        yield template.settings.model_copy(update=idle)
        return
    name = await template.server.create_database(template=template.database)
    url = SecretStr(template.server.url(name))
    yield template.settings.model_copy(update={**idle, "database_url": url})
    await template.server.drop_database(name)


@contextmanager
def published() -> Iterator[list[str]]:
    """The channels on which anything is broadcast inside, by any part of this process."""
    channels: list[str] = []
    publish = Broadcast.publish

    async def noted(self: Broadcast, channel: str, message: object) -> None:
        channels.append(channel)
        await publish(self, channel, message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Broadcast, "publish", noted)
        yield channels


def elsewhere(app: App, server: Server) -> App:
    """The same application, which sockets find now."""
    server.app = app.asgi
    return replace(app, api=Api(app.api.http, server.port))

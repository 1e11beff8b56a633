"""Databases for tests: migrated, empty, and the same suite over SQLite and a real PostgreSQL.

A test that asks for `database` runs on both. A conftest takes the fixtures from here by importing them.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from persistence.migrate import upgrade
from persistence.postgres import PostgresDatabase
from persistence.sqlite import SqliteDatabase
from persistence.tables import metadata
from persistence.tables.columns import UtcTime
from tests.clock import FakeClock
from tests.launchers.postgres import PostgresServer

FILE = "codelab.sqlite"


@dataclass(frozen=True, slots=True)
class Stored:
    """An empty database, and the clock of the process that uses it."""

    database: SqliteDatabase | PostgresDatabase
    clock: FakeClock
    server: PostgresServer | None = None
    name: str = FILE

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for the process and for the database.

        PostgreSQL has a clock of its own, so that there everything stored becomes older instead.
        """
        self.clock.advance(seconds)
        if self.server is not None:
            await self.server.execute(_aging(seconds), database=self.name)


def _aging(seconds: float) -> str:
    changes = [
        f"UPDATE {table.name} SET "
        + ", ".join(f"{name} = {name} - make_interval(secs => {seconds})" for name in times)
        for table in metadata.sorted_tables
        if (times := [column.name for column in table.c if isinstance(column.type, UtcTime)])
    ]
    return "; ".join(changes)


@pytest.fixture(scope="session")
async def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied."""
    path = tmp_path_factory.mktemp("template") / FILE
    database = SqliteDatabase(path, clock=FakeClock())
    await upgrade(database)
    await database.close()
    return path


@pytest.fixture(scope="session")
async def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated database, to be copied."""
    name = await postgres_server.create_database()
    database = PostgresDatabase(postgres_server.url(name), pool_size=1)
    await upgrade(database)
    await database.close()
    return name


@pytest.fixture
async def sqlite(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Stored]:
    """An empty SQLite file."""
    shutil.copy(sqlite_template, tmp_path / FILE)
    clock = FakeClock()
    database = SqliteDatabase(tmp_path / FILE, clock=clock)
    yield Stored(database, clock)
    await database.close()


@pytest.fixture
async def postgres(postgres_server: PostgresServer, postgres_template: str) -> AsyncIterator[Stored]:
    """An empty PostgreSQL database."""
    name = await postgres_server.create_database(template=postgres_template)
    database = PostgresDatabase(postgres_server.url(name))
    yield Stored(database, FakeClock(), postgres_server, name)
    await database.close()
    await postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def stored(request: pytest.FixtureRequest) -> Stored:
    """An empty database of each kind."""
    return cast("Stored", request.getfixturevalue(request.param))


@pytest.fixture
def database(stored: Stored) -> SqliteDatabase | PostgresDatabase:
    """An empty database of each kind."""
    return stored.database

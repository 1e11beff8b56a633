"""Databases for stress: migrated, with a real clock, and watched from outside."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphql_api.app.stores import DATABASE_FILE, utc_now
from persistence.postgres import PostgresDatabase
from persistence.sqlite import SqliteDatabase
from tests.launchers.postgres import PostgresServer
from tests.persistence.databases import postgres_template, sqlite_template
from tests.soak import SOAK
from tests.stress.books import Books, SqliteBooks, postgres_books

__all__ = ["postgres_template", "sqlite_template"]


@dataclass(frozen=True, slots=True)
class Watched:
    """An empty database of one kind, and its books; `open` connects as one more process does."""

    books: Books
    open: Callable[[], SqliteDatabase | PostgresDatabase]
    url: str | None
    folder: Path


@pytest.fixture
def soak() -> bool:
    """Much longer, and at every point instead of some."""
    return SOAK


@pytest.fixture
async def watched_sqlite(tmp_path: Path, sqlite_template: Path) -> Watched:
    """An empty SQLite file."""
    path = tmp_path / DATABASE_FILE
    shutil.copy(sqlite_template, path)
    return Watched(SqliteBooks(path), lambda: SqliteDatabase(path, clock=utc_now), None, tmp_path)


@pytest.fixture
async def watched_postgres(
    tmp_path: Path, postgres_server: PostgresServer, postgres_template: str
) -> AsyncIterator[Watched]:
    """An empty PostgreSQL database."""
    async with watched_database(postgres_server, postgres_template, tmp_path) as watched:
        yield watched


@asynccontextmanager
async def watched_database(server: PostgresServer, template: str, folder: Path) -> AsyncIterator[Watched]:
    """A copy of the template on this server."""
    name = await server.create_database(template=template)
    url = server.url(name)
    async with postgres_books(server.url(name, driver="")) as books:
        yield Watched(books, lambda: PostgresDatabase(url, pool_size=10, max_overflow=0), url, folder)
    await server.drop_database(name)

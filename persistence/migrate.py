"""Brings a database to the schema of this code."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from persistence.postgres import CONNECT_TIMEOUT_S, translated
from persistence.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Callable

    from alembic.config import Config

    from persistence.postgres import PostgresDatabase

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x636F6465_6C6162
"""The advisory lock under which one process migrates while others wait."""


class BrokenReferences(Exception):
    """A migration left rows without what they belong to; it was undone."""


async def upgrade(database: SqliteDatabase | PostgresDatabase, revision: str = "head") -> None:
    """Apply every migration that is missing, in one transaction; concurrent callers take turns.

    Raises:
        Unavailable: the database can't be reached.
    """
    if revision == "head" and await _is_current(database):
        return
    from alembic import command

    await _run(database, lambda config: command.upgrade(config, revision))


async def _is_current(database: SqliteDatabase | PostgresDatabase) -> bool:
    """Whether nothing is missing, as at most starts: they need nothing of Alembic, which is large."""
    with translated():
        if isinstance(database, SqliteDatabase):
            applied = await asyncio.to_thread(_read_on_sqlite, database)
        else:
            async with database.engine.connect() as connection:
                applied = await connection.run_sync(_applied)
    return applied == newest()


def newest() -> str:
    """The last migration of this code; they are numbered."""
    return max(path.name for path in MIGRATIONS.glob("versions/[0-9]*.py")).partition("_")[0]


def _read_on_sqlite(database: SqliteDatabase) -> str | None:
    _, reader = database.engines
    with reader.connect() as connection:
        return _applied(connection)


def _applied(connection: sa.Connection) -> str | None:
    """The newest migration of a database; None when there is none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    applied: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return applied


async def downgrade(database: SqliteDatabase | PostgresDatabase, revision: str = "base") -> None:
    """Undo migrations down to a revision."""
    from alembic import command

    await _run(database, lambda config: command.downgrade(config, revision))


async def differences(database: SqliteDatabase | PostgresDatabase) -> None:
    """Raises Alembic's CommandError when the tables of the code and of the database differ."""
    from alembic import command

    await _run(database, command.check)


async def _run(database: SqliteDatabase | PostgresDatabase, action: Callable[[Config], None]) -> None:
    def act(connection: sa.Connection) -> None:
        from alembic.config import Config

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        action(config)

    with translated():
        if isinstance(database, SqliteDatabase):
            await asyncio.to_thread(_on_sqlite, database, act)
        else:
            await _on_postgres(database, act)


def _on_sqlite(database: SqliteDatabase, act: Callable[[sa.Connection], None]) -> None:
    writer, _ = database.engines
    with writer.connect() as connection:
        # Inside a transaction this would do nothing, and a table that is made anew would take its children along.
        connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            act(connection)
            if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise BrokenReferences
    writer.dispose()


async def _on_postgres(database: PostgresDatabase, act: Callable[[sa.Connection], None]) -> None:
    """Without the timeouts of ordinary work: a migration takes its time, and so does waiting for another one."""
    engine = create_async_engine(
        database.engine.url, poolclass=NullPool, connect_args={"timeout": CONNECT_TIMEOUT_S}
    )
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        await connection.run_sync(act)
        await connection.commit()

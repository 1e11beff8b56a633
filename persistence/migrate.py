"""Brings a database to the schema of this code."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

from persistence.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from persistence.postgres import PostgresDatabase

LOCK = 0x636F6465_6C6162
"""The advisory lock under which one process migrates while others wait."""


async def upgrade(database: SqliteDatabase | PostgresDatabase, revision: str = "head") -> None:
    """Apply every migration that is missing, in one transaction; concurrent callers take turns."""
    await _run(database, lambda config: command.upgrade(config, revision))


async def downgrade(database: SqliteDatabase | PostgresDatabase, revision: str = "base") -> None:
    """Undo migrations down to a revision."""
    await _run(database, lambda config: command.downgrade(config, revision))


async def differences(database: SqliteDatabase | PostgresDatabase) -> None:
    """Raises CommandError when the tables of the code and of the database differ."""
    await _run(database, command.check)


async def _run(database: SqliteDatabase | PostgresDatabase, action: Callable[[Config], None]) -> None:
    def act(connection: sa.Connection) -> None:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        action(config)

    if isinstance(database, SqliteDatabase):
        await asyncio.to_thread(_on_sqlite, database, act)
    else:
        await _on_postgres(database, act)


def _on_sqlite(database: SqliteDatabase, act: Callable[[sa.Connection], None]) -> None:
    writer, _ = database.engines
    with writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.commit()
        with connection.begin():
            act(connection)
    writer.dispose()


async def _on_postgres(database: PostgresDatabase, act: Callable[[sa.Connection], None]) -> None:
    engine = database.engine.execution_options(isolation_level="READ COMMITTED")
    async with engine.connect() as connection:
        await connection.exec_driver_sql("SET statement_timeout = 0")
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        await connection.run_sync(act)
        await connection.commit()
        await connection.invalidate()

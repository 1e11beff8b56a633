"""Migrating: parents that are made anew keep their children, nobody is hurried, and what is wrong is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.util import CommandError

from domain.errors import Unavailable
from persistence import migrate
from persistence.migrate import LOCK, BrokenReferences, differences, upgrade
from persistence.postgres import PostgresDatabase
from persistence.sqlite import SqliteDatabase
from tests.clock import FakeClock
from tests.launchers.ports import free_port
from tests.launchers.postgres import PostgresServer

MAKE_USERS_ANEW = (
    "CREATE TABLE other AS SELECT * FROM users",
    "DROP TABLE users",
    "CREATE TABLE users (user_id TEXT PRIMARY KEY, email TEXT, folded TEXT, hash TEXT, made BIGINT, gone BIGINT)",
    "INSERT INTO users SELECT * FROM other",
)


def executing(*statements: str) -> Callable[[Config], None]:
    """A migration of these statements."""

    def act(config: Config) -> None:
        for statement in statements:
            config.attributes["connection"].exec_driver_sql(statement)

    return act


@pytest.fixture
async def populated(sqlite_template: Path, tmp_path: Path) -> SqliteDatabase:
    """A user with a project, in SQLite."""
    database = SqliteDatabase(tmp_path / "data.sqlite", clock=FakeClock())
    await upgrade(database)
    writer, _ = database.engines
    with writer.begin() as connection:
        connection.exec_driver_sql("INSERT INTO users VALUES ('u', 'e', 'e', NULL, 1, NULL)")
        connection.exec_driver_sql("INSERT INTO projects VALUES ('u', 'p', 'N', 'n', NULL, 1, 1, NULL)")
    return database


def count(database: SqliteDatabase, table: str) -> int:
    _, reader = database.engines
    with reader.connect() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


async def test_a_parent_that_is_made_anew_keeps_its_children(populated: SqliteDatabase) -> None:
    await migrate._run(populated, executing(*MAKE_USERS_ANEW))

    assert (count(populated, "users"), count(populated, "projects")) == (1, 1)
    with pytest.raises(CommandError):
        await differences(populated)
    await populated.close()


async def test_a_migration_that_leaves_orphans_is_refused_whole(populated: SqliteDatabase) -> None:
    with pytest.raises(BrokenReferences):
        await migrate._run(populated, executing("DELETE FROM users"))

    assert (count(populated, "users"), count(populated, "projects")) == (1, 1)
    await populated.close()


async def test_foreign_keys_hold_again_after_a_migration(populated: SqliteDatabase) -> None:
    await migrate._run(populated, executing())

    await populated.write(lambda c: c.exec_driver_sql("DELETE FROM users"), user_id=None)

    assert count(populated, "projects") == 0
    await populated.close()


async def test_a_database_that_can_not_be_reached_is_unavailable(tmp_path: Path) -> None:
    nowhere = PostgresDatabase(f"postgresql+asyncpg://postgres@127.0.0.1:{free_port()}/nowhere")
    no_folder = SqliteDatabase(tmp_path / "missing" / "data.sqlite", clock=FakeClock())

    for database in (nowhere, no_folder):
        with pytest.raises(Unavailable):
            await upgrade(database)
        await database.close()


@pytest.mark.postgres
async def test_whoever_waits_for_another_migration_is_not_hurried(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    name = await postgres_server.create_database(template=postgres_template)
    database = PostgresDatabase(postgres_server.url(name))
    other = await asyncpg.connect(postgres_server.url(name, driver=""))
    await other.execute(f"SELECT pg_advisory_lock({LOCK})")
    seen: list[str] = []

    def settings(config: Config) -> None:
        connection = config.attributes["connection"]
        seen.extend(
            connection.exec_driver_sql(f"SHOW {setting}").scalar_one()
            for setting in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        )

    waiting = asyncio.create_task(migrate._run(database, settings))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await other.execute(f"SELECT pg_advisory_unlock({LOCK})")
    await waiting

    assert seen == ["0"] * 3
    await other.close()
    await database.close()
    await postgres_server.drop_database(name)

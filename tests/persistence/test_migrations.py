"""The schema's history: up, down, the same as the code's tables, and no privilege too many."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import cast

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from persistence import migrate
from persistence.postgres import PostgresDatabase
from persistence.sqlite import SqliteDatabase
from persistence.tables import metadata
from persistence.unowned import TABLES
from tests.clock import FakeClock
from tests.launchers.postgres import PostgresServer

VERSIONS = Path(migrate.__file__).parent / "migrations" / "versions"


async def tables(database: SqliteDatabase | PostgresDatabase) -> set[str]:
    def names() -> str:
        if isinstance(database, SqliteDatabase):
            return "SELECT name FROM sqlite_master WHERE type = 'table'"
        return "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"

    if isinstance(database, SqliteDatabase):
        writer, _ = database.engines
        with writer.begin() as connection:
            return {row[0] for row in connection.exec_driver_sql(names())}
    async with database.engine.connect() as connected:
        return {row[0] for row in await connected.exec_driver_sql(names())}


async def up_and_down(database: SqliteDatabase | PostgresDatabase) -> None:
    await migrate.upgrade(database)
    await migrate.differences(database)
    assert set(metadata.tables) <= await tables(database)

    await migrate.downgrade(database)
    assert not set(metadata.tables) & await tables(database)

    await migrate.upgrade(database)
    await migrate.upgrade(database)
    await migrate.differences(database)


async def test_sqlite_goes_up_and_down(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "data.sqlite", clock=FakeClock())
    try:
        await up_and_down(database)
    finally:
        await database.close()


@pytest.mark.postgres
async def test_postgres_goes_up_and_down(postgres_server: PostgresServer) -> None:
    database = PostgresDatabase(postgres_server.url(await postgres_server.create_database()))
    try:
        await up_and_down(database)
    finally:
        await database.close()


@pytest.mark.postgres
async def test_processes_that_start_together_migrate_once(postgres_server: PostgresServer) -> None:
    url = postgres_server.url(await postgres_server.create_database())
    databases = [PostgresDatabase(url) for _ in range(4)]
    try:
        await asyncio.gather(*map(migrate.upgrade, databases))
        await migrate.differences(databases[0])
    finally:
        await asyncio.gather(*(database.close() for database in databases))


@pytest.mark.postgres
async def test_every_table_has_a_forced_policy_and_the_unowned_role_just_its_privileges(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    name = await postgres_server.create_database(template=postgres_template)
    database = PostgresDatabase(postgres_server.url(name))
    try:
        async with database.engine.connect() as connection:
            forced = await connection.exec_driver_sql(
                "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
            )
            guarded = {row[0] for row in forced}
            granted = await connection.exec_driver_sql(
                "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
                " WHERE grantee = 'codelab_unowned'"
            )
            privileges: dict[str, set[str]] = {}
            for table, privilege in cast("list[tuple[str, str]]", granted.all()):
                privileges.setdefault(table, set()).add(privilege)
    finally:
        await database.close()

    assert guarded == set(metadata.tables)
    assert privileges == TABLES


def test_each_migration_follows_the_one_before() -> None:
    found = sorted(path.name for path in VERSIONS.glob("[0-9]*.py"))

    assert found[0].startswith("0001_")
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", name) for name in found)


async def test_a_database_that_is_up_to_date_is_left_alone_without_alembic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = SqliteDatabase(tmp_path / "codelab.db", clock=FakeClock())
    await migrate.upgrade(database)
    monkeypatch.setitem(sys.modules, "alembic", None)

    await migrate.upgrade(database)
    with pytest.raises(ImportError):
        await migrate.downgrade(database)

    await database.close()


def test_the_newest_migration_is_the_one_that_alembic_calls_the_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))

    assert migrate.newest() == ScriptDirectory.from_config(config).get_current_head()

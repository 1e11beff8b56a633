"""The PostgreSQL launcher on the real server."""

import signal

import asyncpg
import pytest

from tests.launchers.postgres import PostgresServer
from tests.launchers.postgres_install import PostgresMajor

pytestmark = pytest.mark.postgres


async def _value(server: PostgresServer, database: str, query: str) -> object:
    connection = await asyncpg.connect(server.url(database, driver=""), timeout=10)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_the_shared_server_is_version_18_by_default(postgres_server: PostgresServer) -> None:
    version = await _value(postgres_server, "postgres", "SHOW server_version")

    assert str(version).startswith("18.")


async def test_a_database_begins_as_a_copy_of_its_template(postgres_server: PostgresServer) -> None:
    template = await postgres_server.create_database()
    await postgres_server.execute("CREATE TABLE kept AS SELECT 7 AS number", database=template)

    copy = await postgres_server.create_database(template=template)

    assert await _value(postgres_server, copy, "SELECT number FROM kept") == 7
    await postgres_server.drop_database(copy)
    await postgres_server.drop_database(template)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await _value(postgres_server, copy, "SELECT 1")


@pytest.mark.parametrize("major", [16])
async def test_a_committed_row_survives_a_crash_of_a_durable_server(major: PostgresMajor) -> None:
    async with PostgresServer(major=major, durable=True) as server:
        await server.execute("CREATE TABLE kept AS SELECT 7 AS number")

        await server.stop(politely=signal.SIGQUIT)
        await server.start()

        assert await _value(server, "postgres", "SELECT number FROM kept") == 7
        assert str(await _value(server, "postgres", "SHOW server_version")).startswith(f"{major}.")


async def test_a_closed_server_refuses_connections() -> None:
    server = PostgresServer()
    await server.start()

    await server.close()

    with pytest.raises(OSError):
        await _value(server, "postgres", "SELECT 1")

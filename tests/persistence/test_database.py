"""Databases: what is lost or busy is said in a user's words, bugs stay bugs, and nothing is held that is not used."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from domain.errors import Unavailable
from persistence import sqlite
from persistence.database import sqlstate, unavailable
from persistence.migrate import upgrade
from persistence.postgres import PostgresDatabase
from persistence.sqlite import SNAPSHOTS, SqliteDatabase
from persistence.tables.engine import usage
from persistence.tables.identity import users
from tests.clock import FakeClock
from tests.launchers.ports import free_port
from tests.launchers.postgres import PostgresServer
from tests.persistence.databases import Stored


def one(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("SELECT 1").scalar_one())


async def test_a_statement_that_is_wrong_is_a_bug_and_no_lost_database(kept: Stored) -> None:
    for statement in ("SELECT * FROM nowhere", "SELEC 1", "SELECT nothing FROM users"):
        with pytest.raises(exc.DBAPIError):
            await kept.database.write(lambda c: c.exec_driver_sql(statement), user_id=None)  # noqa: B023 - awaited in this round
        with pytest.raises(exc.DBAPIError):
            await kept.database.read(lambda c: c.exec_driver_sql(statement), user_id=None)  # noqa: B023 - awaited in this round

    assert await kept.database.read(one, user_id=None) == 1
    await kept.database.ready()


async def test_a_transaction_that_fails_is_rolled_back_and_gives_its_connection_back(kept: Stored) -> None:
    def fails(connection: sa.Connection) -> None:
        one(connection)
        raise KeyError("ours")

    for _ in range(40):
        with pytest.raises(KeyError):
            await kept.database.write(fails, user_id=None)
        with pytest.raises(KeyError):
            await kept.database.read(fails, user_id=None)

    assert await kept.database.write(one, user_id=None) == 1


async def test_a_snapshot_is_closed_twice_and_opened_again(kept: Stored) -> None:
    snapshot = kept.database.snapshot(user_id=None)
    await snapshot.close()

    assert await snapshot.run(one) == 1
    await snapshot.close()
    await snapshot.close()
    assert await snapshot.run(one) == 1
    await snapshot.close()


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """A SQLite database of one's own."""
    database = SqliteDatabase(tmp_path / "data.sqlite", clock=FakeClock())
    await upgrade(database)
    yield database
    await database.close()
    await database.close()


async def test_more_readers_than_connections_wait_without_a_thread(
    file: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [file.snapshot(user_id=None) for _ in range(SNAPSHOTS)]
    for snapshot in held:
        await snapshot.run(one)
    late = [file.snapshot(user_id=None) for _ in range(SNAPSHOTS)]

    waiting = [asyncio.create_task(snapshot.run(one)) for snapshot in late]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in waiting)
    assert await file.read(one, user_id=None) == 1, "short reads pass by"
    assert await file.write(one, user_id=None) == 1
    await held[0].run(one)
    for snapshot in held:
        await snapshot.close()
    assert await asyncio.gather(*waiting) == [1] * SNAPSHOTS

    monkeypatch.setattr(sqlite, "POOL_TIMEOUT_S", 0.01)
    with pytest.raises(Unavailable, match="busy"):
        await held[0].run(one)
    for snapshot in late:
        await snapshot.close()
    assert await held[0].run(one) == 1
    await held[0].close()


async def test_a_cancelled_caller_leaves_no_reader_behind(file: SqliteDatabase) -> None:
    go = threading.Event()

    def slow(connection: sa.Connection) -> int:
        go.wait(5)
        return one(connection)

    snapshots = [file.snapshot(user_id=None) for _ in range(SNAPSHOTS)]
    reading = [asyncio.create_task(snapshot.run(slow)) for snapshot in snapshots]
    writing = asyncio.create_task(file.write(slow, user_id=None))
    await asyncio.sleep(0.01)
    for task in (*reading, writing):
        task.cancel()
    go.set()
    await asyncio.wait([*reading, writing])
    for snapshot in snapshots:
        await snapshot.close()

    assert all(task.cancelled() for task in reading)
    assert [await file.snapshot(user_id=None).run(one) for _ in range(SNAPSHOTS)] == [1] * SNAPSHOTS


async def test_a_locked_file_is_busy_and_comes_back(file: SqliteDatabase, tmp_path: Path) -> None:
    await file.write(lambda c: c.exec_driver_sql("PRAGMA busy_timeout = 1"), user_id=None)
    other = sqlite3.connect(tmp_path / "data.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Unavailable):
        await file.write(one, user_id=None)
    assert await file.read(one, user_id=None) == 1
    other.execute("ROLLBACK")
    other.close()

    assert await file.write(one, user_id=None) == 1


async def test_a_disk_that_takes_no_writes_is_unavailable_until_it_does(file: SqliteDatabase) -> None:
    _told(file, "PRAGMA query_only = ON")
    with pytest.raises(Unavailable):
        await file.ready()
    assert await file.read(one, user_id=None) == 1

    _told(file, "PRAGMA query_only = OFF")
    await file.ready()


async def test_a_full_disk_is_unavailable_until_there_is_room(file: SqliteDatabase) -> None:
    def fill(connection: sa.Connection) -> None:
        connection.exec_driver_sql(
            "INSERT INTO users VALUES ('u', hex(zeroblob(1000000)), 'e', NULL, 1, NULL)"
        )

    _told(file, "PRAGMA max_page_count = 10")
    with pytest.raises(Unavailable):
        await file.write(fill, user_id=None)
    _told(file, "PRAGMA max_page_count = 1000000")
    await file.write(fill, user_id=None)


def _told(database: SqliteDatabase, pragma: str) -> None:
    """Set up the writing connection, outside a transaction."""
    writer, _ = database.engines
    connection = writer.raw_connection()
    connection.cursor().execute(pragma)
    connection.close()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    database = PostgresDatabase(f"postgresql+asyncpg://postgres@127.0.0.1:{free_port()}/nowhere")

    for act in (
        database.write(one, user_id=None),
        database.read(one, user_id=None),
        database.snapshot(user_id=None).run(one),
        database.ready(),
    ):
        with pytest.raises(Unavailable) as refused:
            await act
        assert refused.value.retry_after_s == 1.0
    await database.close()


@pytest.mark.postgres
async def test_a_server_that_ends_connections_is_unavailable_once_and_found_again(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    name = await postgres_server.create_database(template=postgres_template)
    database = PostgresDatabase(postgres_server.url(name))
    snapshot = database.snapshot(user_id=None)
    await snapshot.run(one)
    await postgres_server.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    )

    with pytest.raises(Unavailable):
        await snapshot.run(one)
    assert await snapshot.run(one) == 1
    assert await database.write(one, user_id=None) == 1
    await snapshot.close()
    await database.close()
    await postgres_server.drop_database(name)


@pytest.mark.postgres
async def test_a_lock_that_is_not_had_in_time_is_busy(kept_postgres: Stored) -> None:
    database = kept_postgres.database
    assert isinstance(database, PostgresDatabase)
    locked, go = asyncio.Event(), asyncio.Event()

    def hold(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7)")
        locked.set()
        sa.util.await_only(go.wait())

    def want(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '5ms'")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7)")

    holding = asyncio.create_task(database.write(hold, user_id=None))
    await locked.wait()
    with pytest.raises(Unavailable, match="busy"):
        await database.write(want, user_id=None)
    go.set()
    await holding
    await database.write(want, user_id=None)


@pytest.mark.postgres
async def test_a_cancelled_transaction_is_rolled_back_and_its_connection_is_free(
    kept_postgres: Stored,
) -> None:
    database = kept_postgres.database
    assert isinstance(database, PostgresDatabase)
    began = asyncio.Event()

    def slow(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(8)")
        began.set()
        connection.exec_driver_sql("SELECT pg_sleep(30)")

    running = asyncio.create_task(database.write(slow, user_id=None))
    await began.wait()
    running.cancel()
    await asyncio.wait([running])

    assert running.cancelled()
    assert await database.write(
        lambda c: c.exec_driver_sql("SELECT pg_try_advisory_xact_lock(8)").scalar_one(), user_id=None
    )


@pytest.mark.postgres
async def test_a_transaction_sees_only_its_owner_and_the_unowned_one_only_its_tables(
    kept_postgres: Stored,
) -> None:
    def role(connection: sa.Connection) -> str:
        return str(connection.exec_driver_sql("SELECT current_user").scalar_one())

    database = kept_postgres.database
    assert await database.write(role, user_id=None) == "codelab_unowned"
    assert await database.read(role, user_id=None) == "codelab_unowned"
    with pytest.raises(exc.ProgrammingError):
        await database.read(lambda c: c.exec_driver_sql("SELECT * FROM preferences"), user_id=None)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exc.TimeoutError("pool"), "busy"),
        (asyncpg.LockNotAvailableError("x"), "busy"),
        (asyncpg.AdminShutdownError("x"), "does not answer"),
        (asyncpg.DiskFullError("x"), "does not answer"),
        (asyncpg.QueryCanceledError("x"), "does not answer"),
        (asyncpg.InterfaceError("closed"), "can't be reached"),
        (ConnectionRefusedError(), "can't be reached"),
        (TimeoutError(), "can't be reached"),
        (exc.DBAPIError("s", None, Exception(), connection_invalidated=True), "does not answer"),
        (asyncpg.UniqueViolationError("x"), None),
        (asyncpg.UndefinedTableError("x"), None),
        (ValueError("x"), None),
        (KeyError("x"), None),
    ],
)
def test_only_what_a_database_may_do_is_unavailable(error: BaseException, said: str | None) -> None:
    problem = unavailable(error)

    assert (said in problem.message if problem and said else problem) is (True if said else None)


def test_the_code_of_an_error_is_found_wherever_it_is() -> None:
    assert sqlstate(asyncpg.UniqueViolationError("x")) == "23505"
    assert sqlstate(exc.IntegrityError("s", None, asyncpg.UniqueViolationError("x"))) == "23505"
    assert sqlstate(ValueError("x")) == ""


@pytest.mark.postgres
async def test_what_row_level_security_refuses_is_told(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    told: list[str] = []
    name = await postgres_server.create_database(template=postgres_template)
    database = PostgresDatabase(postgres_server.url(name), on_violation=lambda: told.append("violation"))
    alice, bob = uuid4(), uuid4()

    def another_ones(connection: sa.Connection) -> None:
        connection.execute(users.insert(), {"user_id": bob, "email": "bob@example.org"})

    with pytest.raises(exc.DBAPIError, match="row-level security"):
        await database.write(another_ones, user_id=alice)
    with pytest.raises(exc.DBAPIError, match="permission denied"):
        await database.read(lambda c: c.execute(sa.select(usage)), user_id=None)
    assert told == ["violation", "violation"]

    await database.close()
    await postgres_server.drop_database(name)

"""The database at scale: PostgreSQL over asyncpg, each transaction under a role of its own.

A transaction opens with one call that also takes the role and names the user, so that row-level
security costs no round trip of its own; statements then run through SQLAlchemy in AUTOCOMMIT mode,
which leaves BEGIN and COMMIT to us.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from domain.errors import Unavailable
from persistence.database import BUSY, ENGINE_OPTIONS, RETRY_AFTER_S, PoolUse, pool_use, sqlstate, unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

T = TypeVar("T")

OWNER_ROLE = "codelab_owner"
"""Sees only the rows of the user that its transaction names."""
UNOWNED_ROLE = "codelab_unowned"
"""May run the statements of `persistence.unowned`, and no others."""

CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 10
STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 5_000
IDLE_TIMEOUT_MS = 15_000
TRANSACTION_TIMEOUT_S = 10
"""The longest that anybody waits for a transaction, the wait for a connection included."""
ROLLBACK_TIMEOUT_S = 1
ATTEMPTS = 4
"""Serialisation failures and deadlocks are retried; the transaction was rolled back whole."""
RETRYABLE = {"40001", "40P01"}
VIOLATION = "42501"
"""A row or table that the role of the transaction may not touch: the second wall has held where the first failed."""
READING = "ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresDatabase:
    """A database shared by any number of processes."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        max_overflow: int = 20,
        on_violation: Callable[[], None] = lambda: None,
    ) -> None:
        self.on_violation = on_violation
        settings = {
            "statement_timeout": str(STATEMENT_TIMEOUT_MS),
            "lock_timeout": str(LOCK_TIMEOUT_MS),
            "idle_in_transaction_session_timeout": str(IDLE_TIMEOUT_MS),
            "application_name": "codelab",
            "timezone": "UTC",
            "jit": "off",
        }
        self.engine = create_async_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=POOL_TIMEOUT_S,
            pool_recycle=1_800,
            query_cache_size=1_000,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "command_timeout": STATEMENT_TIMEOUT_MS / 1_000 + 2,
                "server_settings": settings,
                "prepared_statement_cache_size": 500,
            },
            **ENGINE_OPTIONS,
        )
        sa.event.listen(self.engine.sync_engine, "connect", _plain_uuids)
        sa.event.listen(self.engine.sync_engine, "checkout", _not_closed)

    async def write(self, work: Callable[[sa.Connection], T], *, user_id: UUID | None) -> T:
        """Run a transaction, again when it lost against another one."""
        for _ in range(ATTEMPTS):
            try:
                async with self._transaction(_begin(user_id)) as connection:
                    return await connection.run_sync(work)
            except (exc.DBAPIError, asyncpg.PostgresError) as error:
                if sqlstate(error) not in RETRYABLE:
                    raise
        raise Unavailable(BUSY, retry_after_s=RETRY_AFTER_S)

    async def read(self, work: Callable[[sa.Connection], T], *, user_id: UUID | None) -> T:
        """Run one read in a view of its own."""
        async with self._transaction(_begin(user_id, READING)) as connection:
            return await connection.run_sync(work)

    def snapshot(self, *, user_id: UUID | None) -> PostgresSnapshot:
        """A view for reading."""
        return PostgresSnapshot(self, _begin(user_id, READING))

    def connections(self) -> PoolUse:
        """Of this process."""
        return pool_use(self.engine.pool)

    async def ready(self) -> None:
        """Run a trivial statement in a short time."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S), self._transaction("BEGIN READ ONLY") as connection:
            await connection.run_sync(lambda c: c.exec_driver_sql("SELECT 1"))

    async def close(self) -> None:
        """Close the pool."""
        await self.engine.dispose()

    @contextlib.asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncIterator[AsyncConnection]:
        with translated(self.on_violation):
            async with asyncio.timeout(TRANSACTION_TIMEOUT_S), self.engine.connect() as connection:
                driver = await opened(connection, begin)
                try:
                    yield connection
                    await driver.execute("COMMIT")
                except BaseException:
                    await rolled_back(connection, driver)
                    raise


class PostgresSnapshot:
    """One read transaction at REPEATABLE READ."""

    def __init__(self, database: PostgresDatabase, begin: str) -> None:
        self._engine = database.engine
        self._on_violation = database.on_violation
        self._begin = begin
        self._connection: AsyncConnection | None = None
        self._driver: Any = None
        self._lock = asyncio.Lock()

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Run a read in the view; a read that fails closes the view."""
        async with self._lock:
            with translated(self._on_violation):
                try:
                    async with asyncio.timeout(TRANSACTION_TIMEOUT_S):
                        return await self._run(work)
                except BaseException:
                    await self._release()
                    raise

    async def _run(self, work: Callable[[sa.Connection], T]) -> T:
        if self._connection is None:
            self._connection = await self._engine.connect()
        if self._driver is None:
            self._driver = await opened(self._connection, self._begin)
        return await self._connection.run_sync(work)

    async def close(self) -> None:
        """Give the connection back."""
        async with self._lock:
            await self._release()

    async def _release(self) -> None:
        connection, driver = self._connection, self._driver
        self._connection = self._driver = None
        if connection is not None:
            if driver is not None:
                await rolled_back(connection, driver)
            await connection.close()


def _plain_uuids(connection: Any, _: object) -> None:
    """The driver's own UUID class is refused by JSON encoders: use the standard one."""
    connection.run_async(
        lambda driver: driver.set_type_codec(
            "uuid",
            schema="pg_catalog",
            format="binary",
            encoder=lambda value: (value if isinstance(value, UUID) else UUID(value)).bytes,
            decoder=lambda raw: UUID(bytes=raw),
        )
    )


def _not_closed(connection: Any, *_: object) -> None:
    """A connection that was lost while it was idle is not handed out; all older ones are made anew with it."""
    if connection.driver_connection.is_closed():
        raise exc.InvalidatePoolError


def _begin(user_id: UUID | None, mode: str = "") -> str:
    """One call that begins, takes the role and names the user (a UUID: nothing to escape)."""
    if user_id is None:
        return f"BEGIN {mode}; SELECT set_config('role', '{UNOWNED_ROLE}', true)"
    return (
        f"BEGIN {mode}; SELECT set_config('role', '{OWNER_ROLE}', true), "
        f"set_config('app.user_id', '{user_id.hex}', true)"
    )


async def opened(connection: AsyncConnection, begin: str) -> Any:
    """Begin on the driver's own connection, which is returned; one that can't is thrown away."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    try:
        await driver.execute(begin)
    except BaseException:
        await asyncio.shield(connection.invalidate())
        raise
    return driver


async def rolled_back(connection: AsyncConnection, driver: Any) -> None:
    """Roll back; a connection that can't even do that is thrown away."""
    rolling = asyncio.ensure_future(driver.execute("ROLLBACK", timeout=ROLLBACK_TIMEOUT_S))
    rolling.add_done_callback(lambda it: it.cancelled() or it.exception())
    try:
        await asyncio.wait([rolling])
    finally:
        if not rolling.done() or rolling.exception():
            rolling.cancel()
            await asyncio.shield(connection.invalidate())


@contextlib.contextmanager
def translated(on_violation: Callable[[], None] = lambda: None) -> Iterator[None]:
    """The driver's failures become Unavailable; bugs stay what they are, violations are told besides."""
    try:
        yield
    except exc.DBAPIError as error:
        if sqlstate(error) == VIOLATION:
            on_violation()
        if problem := unavailable(error):
            raise problem from error
        raise
    except (OSError, TimeoutError, exc.TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if sqlstate(error) == VIOLATION:
            on_violation()
        if problem := unavailable(error):
            raise problem from error
        raise

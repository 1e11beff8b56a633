"""The embedded database: SQLite, one writer thread, a few readers, in WAL mode.

A transaction is one hop to a thread, however many statements it has. One writer with
BEGIN IMMEDIATE loses no update (measured: with SQLite's defaults 8 writers kept 41 of 320).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from domain.errors import Unavailable
from persistence import prepared
from persistence.database import BUSY, ENGINE_OPTIONS, RETRY_AFTER_S, PoolUse, pool_use, unavailable
from persistence.tables.columns import micros
from persistence.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from domain.ports import Clock

T = TypeVar("T")

READERS = 4
"""Threads that read."""
WRITERS = 2
"""The writer's own connection, and one for migrations."""
SNAPSHOTS = 12
"""Views that may be open at once; the next one waits on the event loop, never in a thread."""
BUSY_TIMEOUT_MS = 5_000
POOL_TIMEOUT_S = 10


class SqliteDatabase:
    """A database in one file, for one process."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._writer = _engine(path, clock, begin="BEGIN IMMEDIATE", size=WRITERS)
        self._reader = _engine(path, clock, begin="BEGIN", size=SNAPSHOTS + READERS)
        self._writing = Connections(self._writer)
        self._reading = Connections(self._reader)
        self._snapshots = asyncio.Semaphore(SNAPSHOTS)
        self._write_thread = Threads(1, name="sqlite-writer")
        self._read_threads = Threads(READERS, name="sqlite-reader")
        self._closed = False

    @property
    def engines(self) -> tuple[sa.Engine, sa.Engine]:
        """The writing and the reading engine, for migrations and for tests that count statements."""
        return self._writer, self._reader

    async def write(self, work: Callable[[sa.Connection], T], *, user_id: UUID | None) -> T:
        """Run a transaction in the writer thread; a caller that is cancelled does not undo it."""
        del user_id  # the file holds no policies: statements carry the owner themselves
        return await _in_thread(self._write_thread, self._transaction, work)

    def _transaction(self, work: Callable[[sa.Connection], T]) -> T:
        return self._writing.run(work, end=sa.Connection.commit)

    async def read(self, work: Callable[[sa.Connection], T], *, user_id: UUID | None) -> T:
        """Run one read in a reader thread: a single hop."""
        del user_id
        return await _in_thread(self._read_threads, self._view, work)

    def _view(self, work: Callable[[sa.Connection], T]) -> T:
        return self._reading.run(work, end=sa.Connection.rollback)

    def snapshot(self, *, user_id: UUID | None) -> SqliteSnapshot:
        """A view for reading."""
        del user_id
        return SqliteSnapshot(self._reading, self._read_threads, self._snapshots)

    def connections(self) -> PoolUse:
        """Of both engines; what is kept for the next transaction is not in use."""
        use = pool_use(self._writer.pool, self._reader.pool)
        return PoolUse(use.open, use.in_use - self._writing.idle - self._reading.idle)

    async def ready(self) -> None:
        """Write to the file's header, so that a full or read-only disk shows."""
        await _in_thread(
            self._write_thread, self._transaction, lambda c: c.exec_driver_sql("PRAGMA user_version = 1")
        )

    async def close(self) -> None:
        """Let the running transactions end, then close the files."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._shut_down)

    def _shut_down(self) -> None:
        self._write_thread.close()
        self._read_threads.close()
        self._writing.close()
        self._reading.close()
        self._writer.dispose()
        self._reader.dispose()


class Connections:
    """Connections of one engine that are kept from one transaction to the next.

    Getting one from the pool and giving it back takes as long as a short transaction (measured), and there
    are several of those in every call.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._idle: list[sa.Connection] = []

    @property
    def idle(self) -> int:
        """How many wait for the next transaction."""
        return len(self._idle)

    def begun(self) -> sa.Connection:
        """One with a transaction on it, for `end`."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._engine.connect()
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        return connection

    def end(self, connection: sa.Connection, by: Callable[[sa.Connection], None]) -> None:
        """Commit or roll back and keep the connection; one on which that fails goes back to the pool."""
        try:
            by(connection)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    def run(self, work: Callable[[sa.Connection], T], *, end: Callable[[sa.Connection], None]) -> T:
        """Do something in a transaction of its own; undone, and the connection not kept, when that fails."""
        connection = self.begun()
        try:
            result = work(connection)
        except BaseException:
            connection.close()
            raise
        self.end(connection, end)
        return result

    def close(self) -> None:
        """Close those that are idle."""
        while self._idle:
            self._idle.pop().close()


class SqliteSnapshot:
    """One read transaction on one reader connection."""

    def __init__(self, connections: Connections, threads: Threads, room: asyncio.Semaphore) -> None:
        self._connections = connections
        self._threads = threads
        self._room = room
        self._admitted = False
        self._connection: sa.Connection | None = None
        self._lock = asyncio.Lock()

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Run a read in the view."""
        async with self._lock:
            if not self._admitted:
                await self._admit()
            return await _in_thread(self._threads, self._read, work)

    async def _admit(self) -> None:
        if self._room.locked():
            await self._wait()
        else:
            await self._room.acquire()  # at once: no time to bound
        self._admitted = True

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POOL_TIMEOUT_S):
                await self._room.acquire()
        except TimeoutError as error:
            raise Unavailable(BUSY, retry_after_s=RETRY_AFTER_S) from error

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._connections.begun()
        return work(self._connection)

    async def close(self) -> None:
        """Give the connection back."""
        async with self._lock:
            connection, self._connection = self._connection, None
            try:
                if connection is not None:
                    # a view of the file: nothing to wait for in a thread
                    self._connections.end(connection, sa.Connection.rollback)
            finally:
                if self._admitted:
                    self._admitted = False
                    self._room.release()


async def _in_thread(threads: Threads, function: Callable[[Any], T], argument: object) -> T:
    """Run to the end, also when the caller is cancelled; the database's failures come out in the words of a user."""
    try:
        return await threads.run(function, argument)
    except Exception as error:
        if problem := unavailable(error):
            raise problem from error
        raise


def _engine(path: Path, clock: Clock, *, begin: str, size: int) -> sa.Engine:
    engine = sa.create_engine(
        f"sqlite+pysqlite:///{path}",
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_use_lifo=True,
        pool_timeout=POOL_TIMEOUT_S,
        connect_args={"check_same_thread": False},
        query_cache_size=1_000,
        **ENGINE_OPTIONS,
    )

    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
        connection.create_function("clock_timestamp", 0, lambda: micros(clock()))
        for pragma in (
            "journal_mode=WAL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "synchronous=NORMAL",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        prepared.command(connection, begin)

    return engine

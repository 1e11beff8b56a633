"""The port to an SQL database: short transactions as plain functions, and snapshots for reading."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy import exc

from domain.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

T = TypeVar("T")

RETRY_AFTER_S = 1.0
BUSY = "The database is busy. Nothing was changed; try again."
_LOST_OR_FULL = {"08", "53", "57", "58"}
"""SQLSTATE classes: connection, insufficient resources (disk, memory), operator intervention (shutdown, timeout),
errors of the system below."""
_BUSY = {"55P03"}
"""SQLSTATEs: a lock was not had in time."""


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Connections that are open, and those of them that are in use."""

    open: int
    in_use: int


def pool_use(*pools: sa.Pool) -> PoolUse:
    """The sum over some pools."""
    counted = [pool for pool in pools if isinstance(pool, sa.QueuePool)]
    in_use = sum(pool.checkedout() for pool in counted)
    return PoolUse(in_use + sum(pool.checkedin() for pool in counted), in_use)


class Snapshot(Protocol):
    """One consistent view of the database; opened by the first read and closed by its owner."""

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Run a read in the view; reads of one snapshot never overlap.

        Raises:
            Unavailable: the database does not answer.
        """

    async def close(self) -> None:
        """Give the connection back; the next read opens a new view."""


class Database(Protocol):
    """Runs transactions, each in one go: no await happens between its statements but the database's own."""

    async def write(self, work: Callable[[sa.Connection], T], *, user_id: UUID | None) -> T:
        """Run a transaction and commit it; any exception rolls it back.

        With `user_id`, row-level security confines it to that user (PostgreSQL); with None it is
        one of `persistence.unowned`.

        Raises:
            Unavailable: the database does not answer, or its disk is full; nothing was changed,
                or (a connection lost during COMMIT) the outcome is unknown.
        """

    async def read(self, work: Callable[[sa.Connection], T], *, user_id: UUID | None) -> T:
        """Run one read in a view of its own.

        Raises:
            Unavailable: the database does not answer.
        """

    def snapshot(self, *, user_id: UUID | None) -> Snapshot:
        """A view for reading, not opened yet."""

    def connections(self) -> PoolUse:
        """How many connections there are just now."""

    async def ready(self) -> None:
        """Raises Unavailable unless a trivial statement succeeds."""

    async def close(self) -> None:
        """Close every connection."""


def unavailable(error: BaseException) -> Unavailable | None:
    """The database's own failures in the words of a user; None for a bug of ours."""
    if _is_a_bug(error):
        return None
    if isinstance(error, exc.TimeoutError) or sqlstate(error) in _BUSY:
        return Unavailable(BUSY, retry_after_s=RETRY_AFTER_S)
    if isinstance(error, exc.OperationalError | exc.InterfaceError) or sqlstate(error)[:2] in _LOST_OR_FULL:
        return Unavailable(
            "The database does not answer. Nothing is lost; try again.", retry_after_s=RETRY_AFTER_S
        )
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return Unavailable(
            "The database does not answer. Nothing is lost; try again.", retry_after_s=RETRY_AFTER_S
        )
    if isinstance(error, OSError | TimeoutError) or type(error).__module__ == "asyncpg.exceptions._base":
        return Unavailable(
            "The database can't be reached. Nothing is lost; try again.", retry_after_s=RETRY_AFTER_S
        )
    return None


def _is_a_bug(error: BaseException) -> bool:
    """A statement that SQLite does not understand: it calls that operational, too."""
    cause = getattr(error, "orig", None)
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_ERROR


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's five-letter code of an error, empty when it has none."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) or ""


def json_text(value: object) -> str:
    """How JSON columns are written."""
    return orjson.dumps(value).decode()


ENGINE_OPTIONS: dict[str, Any] = {
    "hide_parameters": True,
    "json_serializer": json_text,
    "json_deserializer": orjson.loads,
}

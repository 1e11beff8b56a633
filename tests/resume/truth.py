"""What really happened, read from the database behind the product's back."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

import asyncpg

from graphql_api.schema.ids import Kind, parsed, shown
from tests.resume.wire import LogRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Values = Sequence[tuple[object, ...]]

_EVENTS = "SELECT seq, kind, data, at FROM events WHERE session_id = $1 ORDER BY seq"
_TEXTS = "SELECT id, content FROM messages WHERE session_id = $1 AND status <> 'STREAMING'"
_STATE = "SELECT seq, active_runs FROM sessions WHERE id = $1"


class Database(Protocol):
    """Runs a question about one session."""

    async def ask(self, question: str, session: UUID) -> Values:
        """The rows that answer it."""


class SqliteFile:
    """The embedded database, while the server runs on it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def ask(self, question: str, session: UUID) -> Values:
        return await asyncio.to_thread(self._ask, question, session)

    def _ask(self, question: str, session: UUID) -> Values:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(question.replace("$1", "?"), (session.hex,)).fetchall()


class PostgresServerDatabase:
    """A database of the PostgreSQL server, seen by its superuser."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def ask(self, question: str, session: UUID) -> Values:
        connection = await asyncpg.connect(self._url, timeout=10)
        try:
            return [tuple(row) for row in await connection.fetch(question, session, timeout=30)]
        finally:
            await connection.close(timeout=10)


class Truth:
    """The truth about sessions, by their public ids."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def events(self, session_id: str) -> Sequence[LogRow]:
        """The session's log."""
        rows = await self._ask(_EVENTS, session_id)
        return [
            LogRow(int(str(seq)), str(kind), json.loads(str(data)), _time(at)) for seq, kind, data, at in rows
        ]

    async def texts(self, session_id: str) -> Mapping[str, str]:
        """The final texts of its messages, by their public ids."""
        rows = await self._ask(_TEXTS, session_id)
        return {shown(Kind.MESSAGE, UUID(str(key))): str(content) for key, content in rows}

    async def head(self, session_id: str) -> int:
        """The number of its newest event."""
        return (await self._state(session_id))[0]

    async def active_runs(self, session_id: str) -> int:
        """How many of its runs have not ended."""
        return (await self._state(session_id))[1]

    async def _state(self, session_id: str) -> tuple[int, int]:
        ((seq, active_runs),) = await self._ask(_STATE, session_id)
        return int(str(seq)), int(str(active_runs))

    async def _ask(self, question: str, session_id: str) -> Values:
        return await self._database.ask(question, parsed(Kind.SESSION, session_id))


def _time(stored: object) -> datetime:
    return stored if isinstance(stored, datetime) else _EPOCH + timedelta(microseconds=int(str(stored)))

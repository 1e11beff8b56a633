"""The readers' view of the sessions' logs in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from domain.events.kinds import Fact
from domain.events.log import LogHead
from persistence.fact_codec import from_row
from persistence.statements import Rows, join, param, select
from persistence.tables.conversations import events, sessions
from persistence.tables.projects import projects

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.events.live import SessionKey
    from persistence.database import Database

T = TypeVar("T")

_VISIBLE = sessions.c.deleted_at.is_(None) & projects.c.deleted_at.is_(None)
_OPEN = join(sessions, projects, projects.c.id == sessions.c.project_id)

_FACTS = (
    select(events.c.seq, events.c.at, events.c.kind, events.c.v, events.c.data, project=False)
    .where(events.c.session_id == param("session"), events.c.seq > param("after"))
    .order_by(events.c.seq)
    .limit(param("limit"))
)
_HEAD = select(
    sessions.c.seq, sessions.c.oldest_seq, sessions.c.active_runs > 0, source=_OPEN, project=False
).where(sessions.c.id == param("session"), _VISIBLE)


class SqlFactLog:
    """Facts and heads by session key; each call is one snapshot."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def facts(self, key: SessionKey, *, after: int, limit: int) -> list[Fact]:
        """Stored facts by seq."""
        rows = await self._read(
            key, lambda r: r.all(_FACTS, session=key.session_id, after=after, limit=limit)
        )
        return [Fact(seq, at, from_row(kind, v, data)) for seq, at, kind, v, data in rows]

    async def head(self, key: SessionKey) -> LogHead | None:
        """Where the log ends."""
        row = await self._read(key, lambda r: r.one(_HEAD, session=key.session_id))
        return LogHead(row[0], row[1], bool(row[2])) if row else None

    async def _read(self, key: SessionKey, work: Callable[[Rows], T]) -> T:
        return await self._database.read(
            lambda connection: work(Rows(connection, user_id=key.user_id)), user_id=key.user_id
        )

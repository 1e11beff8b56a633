"""Statements on the sessions' logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.conversations.ports import Advance, Advanced
from domain.events.kinds import VERSION, Fact, FactBody
from domain.scopes import Announcement, FactsCommitted
from persistence.repositories.sessions import SqlSessions
from persistence.statements import inserting
from persistence.tables.conversations import events as t

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from persistence.statements import Rows


_INSERT = inserting(t, given=frozenset({"at"}))


class SqlEvents:
    """Logs of one project's sessions."""

    def __init__(self, rows: Rows, announce: Callable[[Announcement], None]) -> None:
        self._rows = rows
        self._announce = announce

    def store(self, session_id: UUID, advanced: Advanced, *bodies: FactBody) -> None:
        """Store facts up to the advance's end and announce them."""
        first = advanced.seq - len(bodies) + 1
        facts = tuple(Fact(first + i, advanced.at, body) for i, body in enumerate(bodies))
        self._rows.insert(
            t,
            *(
                {
                    "session_id": session_id,
                    "seq": fact.seq,
                    "kind": type(fact.body).__name__,
                    "v": VERSION,
                    "data": fact.body,
                    "at": fact.at,
                }
                for fact in facts
            ),
            by=_INSERT,
        )
        self._announce(FactsCommitted(session_id, facts))

    def append(self, session_id: UUID, *bodies: FactBody, advance: Advance | None = None) -> Advanced | None:
        """Advance and store."""
        advanced = SqlSessions(self._rows).advance(session_id, advance or Advance(len(bodies)))
        if advanced is not None:
            self.store(session_id, advanced, *bodies)
        return advanced

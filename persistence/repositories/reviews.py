"""Statements on reviews: what a model has to judge, and what it replaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persistence.repositories.outbox import SqlOutbox
from persistence.statements import after, delete, filled, inserting, param, seconds, select, update
from persistence.tables.memory import memories
from persistence.tables.memory import reviews as t

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from persistence.statements import Rows

_INSERT = inserting(t, due_at=after(seconds("later")))
_ONE = t.c.memory_id == param("id")
_LATER = update(t).where(_ONE).values(due_at=after(seconds("later")))
_SETTLED = delete(t).where(_ONE)
_AS_JUDGED = (
    memories.c.agent_id == param("agent"),
    memories.c.version == param("judged"),
    memories.c.superseded_by.is_(None),
)
_NEWER = select(memories.c.id).where(memories.c.id == param("by"), *_AS_JUDGED).with_for_update()
_REPLACE = (
    update(memories)
    .where(
        memories.c.id == param("id"),
        memories.c.id != param("by"),
        memories.c.pinned.is_(False),
        *_AS_JUDGED,
    )
    .values(version=memories.c.version + 1, superseded_by=param("by"))
    .returning(memories.c.id, memories.c.agent_id)
)


class SqlReviews:
    """Reviews of one project."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._outbox = SqlOutbox(rows)

    def ask(self, memory_id: UUID, agent_id: UUID, *, after_s: float) -> None:
        row = {"memory_id": memory_id, "agent_id": agent_id, "attempts": 0, **filled(later=after_s)}
        self._rows.insert(t, row, by=_INSERT)

    def replace(self, agent_id: UUID, older: Mapping[UUID, int], *, by: UUID, version: int) -> int:
        if self._rows.one(_NEWER, by=by, agent=agent_id, judged=version) is None:
            return 0
        replaced = [
            (row[0], row[1])
            for memory_id, judged in sorted(older.items())
            for row in self._rows.all(_REPLACE, id=memory_id, by=by, agent=agent_id, judged=judged)
        ]
        self._outbox.tell(replaced)
        return len(replaced)

    def settle(self, memory_id: UUID) -> None:
        self._rows.run(_SETTLED, id=memory_id)

    def postpone(self, memory_id: UUID, *, retry_s: float) -> None:
        self._rows.run(_LATER, id=memory_id, later=retry_s)

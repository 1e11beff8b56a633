"""Statements on the outbox: what the index must hear of, one row for each memory however often it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from persistence.statements import after, any_of, delete, inserting, now, param, seconds, select, update
from persistence.tables.agents import agents
from persistence.tables.memory import outbox as t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from domain.memory.ports import OutboxKey
    from persistence.statements import Rows

_MORE = (
    update(t)
    .where(t.c.memory_id.in_(any_of("ids")))
    .values(change=t.c.change + 1, due_at=now(), attempts=0, refused=False)
    .returning(t.c.memory_id)
)
_INSERT = inserting(t, due_at=now())
_OURS = select(agents.c.id).where(agents.c.id.in_(any_of("ids")))
_SETTLED = delete(t).where(t.c.memory_id == param("id"), t.c.change == param("read"))
_LATER = (
    update(t)
    .where(t.c.memory_id == param("id"), t.c.change == param("read"))
    .values(due_at=after(seconds("retry")), attempts=t.c.attempts + 1, refused=param("refused", sa.Boolean))
)


class SqlOutbox:
    """The outbox of one project."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def tell(self, changed: Sequence[tuple[UUID, UUID]]) -> None:
        """Let the index hear of memories, each with its agent; an agent's own id is all that it remembered.

        Whoever changes a memory holds its row, so that two never add the same one.
        """
        if not changed:
            return
        told = {row[0] for row in self._rows.all(_MORE, ids=[memory_id for memory_id, _ in changed])}
        new = [
            {"memory_id": memory_id, "agent_id": agent_id, "change": 1, "attempts": 0, "refused": False}
            for memory_id, agent_id in changed
            if memory_id not in told
        ]
        if new:
            self._rows.insert(t, *new, by=_INSERT)

    def tell_of_ours(self, changed: Sequence[tuple[UUID, UUID]]) -> None:
        """The same where nothing says yet that the agents are of this project; of others nothing is told."""
        if changed:
            ours = {row[0] for row in self._rows.all(_OURS, ids=[agent_id for _, agent_id in changed])}
            self.tell([it for it in changed if it[1] in ours])

    def settle(self, done: Sequence[OutboxKey]) -> None:
        """Remove what was told, unless more has happened since it was read."""
        for key in done:
            self._rows.run(_SETTLED, id=key.memory_id, read=key.change)

    def postpone(self, keys: Sequence[OutboxKey], *, retry_s: float, refused: bool = False) -> None:
        """Keep for later; for what was refused nothing waits meanwhile."""
        for key in keys:
            self._rows.run(_LATER, id=key.memory_id, read=key.change, retry=retry_s, refused=refused)

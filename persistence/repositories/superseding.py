"""Statements that replace and remove memories: what was replaced stands again when the newer one is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from persistence.statements import any_of, delete, param, select, update
from persistence.tables.memory import memories as t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from persistence.prepared import Row
    from persistence.statements import Rows

HEARD = (t.c.id, t.c.agent_id)
"""What the outbox is told of a change."""
_CHANGED = {"version": t.c.version + 1}
STANDS = {**_CHANGED, "superseded_by": None, "problem": None}
_GONE = (*HEARD, t.c.superseded_by)
FORGET = delete(t).where(t.c.id.in_(any_of("ids"))).returning(*_GONE)
PRUNE = delete(t).where(t.c.id.in_(any_of("ids")), t.c.pinned.is_(False)).returning(*_GONE)
FORGET_MESSAGES = delete(t).where(t.c.message_id.in_(any_of("ids"))).returning(*_GONE)
FORGET_SESSION = delete(t).where(t.c.session_id == param("session")).returning(*_GONE)
"""What `Superseding.go` has to hear of."""
_SUPERSEDE = (
    update(t)
    .where(
        t.c.agent_id == param("agent"),
        t.c.subject == param("subject"),
        t.c.id != param("by"),
        t.c.superseded_by.is_(None),
    )
    .values(**_CHANGED, superseded_by=param("by"))
    .returning(*HEARD)
)
_REPLACED = select(t.c.id, t.c.superseded_by).where(t.c.superseded_by.in_(any_of("ids")))
_BY_ANOTHER = update(t).where(t.c.id == param("id")).values(superseded_by=param("by"))
_STAND_AGAIN = update(t).where(t.c.id.in_(any_of("ids"))).values(**STANDS).returning(*HEARD)


class Superseding:
    """What memories of one project replace."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def supersede(self, agent_id: UUID, *, subject: str, by: UUID) -> Sequence[Row]:
        """Mark what stands about a subject as replaced; what the index must hear of."""
        return self._rows.all(_SUPERSEDE, agent=agent_id, subject=subject, by=by)

    def go(self, gone: Mapping[UUID, UUID | None]) -> Sequence[Row]:
        """Memories are gone, each with what had replaced it: what they replaced is replaced by that, or stands again.

        Returns what the index must hear of.
        """
        stand_again = []
        for memory_id, replaced_by in self._rows.all(_REPLACED, ids=list(gone)) if gone else ():
            heir: UUID | None = replaced_by
            passed: set[UUID] = set()  # not for ever, should two have replaced each other
            while heir is not None and heir in gone and heir not in passed:
                passed.add(heir)
                heir = gone[heir]
            if heir is None or heir in gone:
                stand_again.append(memory_id)
            else:
                self._rows.run(_BY_ANOTHER, id=memory_id, by=heir)
        return self._rows.all(_STAND_AGAIN, ids=stand_again) if stand_again else ()

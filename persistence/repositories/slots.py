"""The agents' counters: admission and claims, each one conditional UPDATE.

Counting rows would be unsafe at READ COMMITTED (measured: a bound of 100 let 122 in). Each UPDATE
locks the agent's row and judges its newest version, so that the bounds hold whoever else is at work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from domain.agents.entities import WAITING_LIMIT
from persistence.statements import now, param, select, update
from persistence.tables.agents import agent_slots as t

if TYPE_CHECKING:
    from uuid import UUID

    from persistence.statements import Rows

_OPEN = t.c.running_limit > 0
_FREE = t.c.running < t.c.running_limit
_TAKEN = t.c.running > 0
"""Who lost a claim may come to free a slot that nobody has any more."""


def _change(*conditions: sa.ColumnElement[bool]) -> sa.Update:
    return update(t).where(t.c.agent_id == param("agent"), *conditions)


def _start_waiting() -> sa.Update:
    """Whoever finds the row locked looks elsewhere: the one who holds it is claiming, admitting or ending."""
    can_start = sa.and_(t.c.waiting > 0, _FREE)
    unlocked = (
        select(t.c.agent_id)
        .where(t.c.agent_id == param("agent"), can_start)
        .with_for_update(skip_locked=True)
    )
    return _change(t.c.agent_id.in_(unlocked.correlate(None).scalar_subquery()), can_start).values(
        waiting=t.c.waiting - 1, running=t.c.running + 1, last_served=now()
    )


_LOCK = select(t.c.agent_id).where(t.c.agent_id == param("agent")).with_for_update()
_TAKE_RUNNING = (
    _change(t.c.waiting == 0, _FREE)
    .values(running=t.c.running + 1, ticket=t.c.ticket + 1, last_served=now())
    .returning(t.c.ticket)
)
_TAKE_WAITING = (
    _change(t.c.waiting < WAITING_LIMIT, _OPEN)
    .values(waiting=t.c.waiting + 1, ticket=t.c.ticket + 1)
    .returning(t.c.ticket)
)
_START_WAITING = _start_waiting()
_LEAVE_WAITING = _change().values(waiting=t.c.waiting - param("count", sa.BigInteger))
_BACK_TO_WAITING = _change().values(waiting=t.c.waiting + 1, running=t.c.running - 1)
_STOP = _change(_TAKEN).values(running=t.c.running - 1, last_active_at=now()).returning(t.c.waiting)


def _finish(*, succeeded: bool) -> sa.Update:
    values: dict[str, Any] = {
        "running": t.c.running - 1,
        "processed": t.c.processed + 1,
        "total_s": t.c.total_s + param("took", sa.Double),
        "last_active_at": now(),
        "consecutive_failures": 0 if succeeded else t.c.consecutive_failures + 1,
    }
    if not succeeded:
        values["failed"] = t.c.failed + 1
    return _change(_TAKEN).values(values).returning(t.c.waiting)


_SUCCEED, _FAIL = _finish(succeeded=True), _finish(succeeded=False)


class SqlSlots:
    """Counters of one project's agents."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def lock(self, agent_id: UUID) -> None:
        self._rows.one(_LOCK, agent=agent_id)

    def take_running(self, agent_id: UUID) -> int | None:
        row = self._rows.one(_TAKE_RUNNING, agent=agent_id)
        return row[0] if row else None

    def take_waiting(self, agent_id: UUID) -> int | None:
        row = self._rows.one(_TAKE_WAITING, agent=agent_id)
        return row[0] if row else None

    def start_waiting(self, agent_id: UUID) -> bool:
        return self._rows.run(_START_WAITING, agent=agent_id) == 1

    def leave_waiting(self, agent_id: UUID, count: int = 1) -> None:
        self._rows.run(_LEAVE_WAITING, agent=agent_id, count=count)

    def back_to_waiting(self, agent_id: UUID) -> None:
        self._rows.run(_BACK_TO_WAITING, agent=agent_id)

    def finish(self, agent_id: UUID, *, succeeded: bool | None, seconds: float) -> int | None:
        if succeeded is None:
            row = self._rows.one(_STOP, agent=agent_id)
        else:
            row = self._rows.one(_SUCCEED if succeeded else _FAIL, agent=agent_id, took=seconds)
        return row[0] if row else None

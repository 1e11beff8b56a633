"""What agents have done: counters from their slots, the 95th percentile from their last tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from domain.agents.entities import AgentStatistics
from domain.tasks.entities import TaskStatus
from persistence.elapsed import elapsed
from persistence.statements import any_of, join, select
from persistence.tables.agents import agent_slots as slots
from persistence.tables.agents import agents
from persistence.tables.engine import tasks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

    from persistence.prepared import Row
    from persistence.statements import Rows

LAST_TASKS = 100
"""How many tasks the 95th percentile looks back."""


def _p95() -> sa.ScalarSelect[Any]:
    """Nearest rank: the shortest of an agent's last durations that at least 95 % do not exceed."""
    last = (
        select(elapsed(tasks.c.started_at, tasks.c.finished_at).label("seconds"))
        .where(
            tasks.c.agent_id == slots.c.agent_id,
            tasks.c.status.in_([TaskStatus.SUCCEEDED, TaskStatus.FAILED]),
            tasks.c.started_at.is_not(None),
            tasks.c.finished_at.is_not(None),
        )
        .order_by(tasks.c.finished_at.desc())
        .limit(LAST_TASKS)
        .correlate(slots)
        .subquery()
    )
    ranked = select(
        last.c.seconds,
        sa.func.row_number().over(order_by=last.c.seconds).label("place"),
        sa.func.count().over().label("size"),
    ).subquery()
    return (
        select(sa.func.min(ranked.c.seconds))
        .where(ranked.c.place * 100 >= ranked.c.size * 95)
        .scalar_subquery()
    )


_STATISTICS = select(
    slots.c.agent_id,
    slots.c.processed,
    slots.c.failed,
    slots.c.total_s,
    _p95(),
    slots.c.last_active_at,
    source=join(slots, agents, agents.c.id == slots.c.agent_id),
).where(slots.c.agent_id.in_(any_of("ids")), agents.c.deleted_at.is_(None))


def statistics(rows: Rows, ids: Collection[UUID]) -> Mapping[UUID, AgentStatistics]:
    """Statistics of a project's visible agents, in one statement."""
    found = rows.all(_STATISTICS, ids=list(ids)) if ids else ()
    return {row[0]: _statistics_of(row) for row in found}


def _statistics_of(row: Row) -> AgentStatistics:
    _, processed, failed, total_s, p95_s, last_active_at = row
    return AgentStatistics(
        processed, failed, total_s / processed if processed else None, p95_s, last_active_at
    )

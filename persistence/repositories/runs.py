"""Statements on runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from domain.conversations.entities import AgentRef, Run, RunMode, RunStatus, Usage
from domain.conversations.ports import KnownRun, NewRun
from domain.conversations.states import RUN_ENDS
from domain.pages import Page, PageRequest
from persistence.conflicts import moved_on, unique_key
from persistence.repositories.paging import keyset_page
from persistence.statements import any_of, inserting, join, now, param, select, update
from persistence.tables.conversations import runs as t
from persistence.tables.conversations import sessions
from persistence.tables.projects import projects

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from persistence.statements import Rows

COLUMNS = (
    t.c.id,
    t.c.project_id,
    t.c.session_id,
    t.c.mode,
    t.c.status,
    t.c.question_id,
    t.c.answer_id,
    t.c.agent_id,
    t.c.agent_name,
    t.c.agent_handle,
    t.c.agent_version,
    t.c.confidence,
    t.c.reason,
    t.c.problem,
    t.c.model,
    t.c.input_tokens,
    t.c.output_tokens,
    t.c.cost_micro_usd,
    t.c.model_calls,
    t.c.seconds,
    t.c.created_at,
    t.c.started_at,
    t.c.finished_at,
)
_OPEN = t.c.status.not_in([*RUN_ENDS])
_KEY = unique_key(t, "user_id", "session_id", "idempotency_key")

_MANY = select(
    *COLUMNS,
    source=join(
        join(t, sessions, sessions.c.id == t.c.session_id), projects, projects.c.id == t.c.project_id
    ),
).where(t.c.id.in_(any_of("ids")), sessions.c.deleted_at.is_(None), projects.c.deleted_at.is_(None))
_BY_KEY = select(t.c.id, t.c.question_id, t.c.input_hash).where(
    t.c.session_id == param("session"), t.c.idempotency_key == param("key")
)
_PAGE = select(*COLUMNS).where(t.c.session_id == param("session"))
_COUNT = select(sa.func.count(), source=t).where(t.c.session_id == param("session"))
_HAS_STATUS = t.c.status == param("status")
_PAGE_OF, _COUNT_OF = _PAGE.where(_HAS_STATUS), _COUNT.where(_HAS_STATUS)
_INSERT_STARTED = inserting(t, started_at=now())
_START = (
    update(t)
    .where(t.c.id == param("id"), t.c.status == RunStatus.QUEUED)
    .values(status=RunStatus.RUNNING, started_at=sa.func.coalesce(t.c.started_at, now()))
)
_REQUEUE = (
    update(t).where(t.c.id == param("id"), t.c.status == RunStatus.RUNNING).values(status=RunStatus.QUEUED)
)
_FINISH = (
    update(t)
    .where(t.c.id == param("id"), _OPEN)
    .values(
        status=param("to"),
        problem=param("why"),
        model=param("by"),
        input_tokens=param("tokens_in"),
        output_tokens=param("tokens_out"),
        cost_micro_usd=param("cost"),
        model_calls=param("calls"),
        seconds=param("took"),
        finished_at=now(),
    )
)


def run_of(row: Sequence[Any]) -> Run:
    """A run from COLUMNS."""
    agent = AgentRef(*row[7:11]) if row[7] is not None else None
    head = (*row[:3], RunMode(row[3]), RunStatus(row[4]), row[5], row[6])
    return Run(*(*head, agent, *row[11:15], Usage(*row[15:20]), *row[20:23]))


class SqlRuns:
    """Runs of one project."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, run: NewRun) -> None:
        """Insert; a run that begins RUNNING starts now."""
        by = _INSERT_STARTED if run.status == RunStatus.RUNNING else None
        with moved_on(_KEY):
            self._rows.insert(t, _row_of(run), by=by)

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Run]:
        """Visible runs by id."""
        return {row[0]: run_of(row) for row in self._rows.all(_MANY, ids=list(ids))}

    def by_key(self, session_id: UUID, key: str) -> KnownRun | None:
        """The run that an idempotency key made."""
        row = self._rows.one(_BY_KEY, session=session_id, key=key)
        return KnownRun(*row) if row else None

    def page(self, session_id: UUID, request: PageRequest, *, status: RunStatus | None) -> Page[Run]:
        """Runs of a session, newest first."""
        found, count = (_PAGE, _COUNT) if status is None else (_PAGE_OF, _COUNT_OF)
        return keyset_page(
            self._rows,
            found,
            count=count,
            order=(t.c.position, t.c.id),
            descending=True,
            request=request,
            entity=run_of,
            session=session_id,
            **({} if status is None else {"status": status}),
        )

    def start(self, run_id: UUID) -> bool:
        """QUEUED to RUNNING."""
        return self._rows.run(_START, id=run_id) == 1

    def requeue(self, run_id: UUID) -> None:
        """RUNNING to QUEUED."""
        self._rows.run(_REQUEUE, id=run_id)

    def finish(
        self, run_id: UUID, *, status: RunStatus, problem: str | None, model: str | None, usage: Usage
    ) -> bool:
        """To an end state."""
        changed = self._rows.run(
            _FINISH,
            id=run_id,
            to=status,
            why=problem,
            by=model,
            tokens_in=usage.input_tokens,
            tokens_out=usage.output_tokens,
            cost=usage.cost_micro_usd,
            calls=usage.model_calls,
            took=usage.seconds,
        )
        return changed == 1


def _row_of(run: NewRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "session_id": run.session_id,
        "position": run.position,
        "mode": run.mode,
        "status": run.status,
        "question_id": run.question_id,
        "answer_id": run.answer_id,
        "agent_id": run.agent.id,
        "agent_name": run.agent.name,
        "agent_handle": run.agent.handle,
        "agent_version": run.agent.version,
        "confidence": run.confidence,
        "reason": run.reason,
        "idempotency_key": run.key,
        "input_hash": run.input_hash,
    }

"""Statements on tasks: the queue and the journal. Every write to a running task names its fence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from domain.conversations.entities import MessageStatus
from domain.tasks.entities import Claim, TaskKey, TaskStatus
from domain.tasks.ports import ModelCall, NewTask, OpenTask
from persistence.statements import after, filled, inserting, now, param, seconds, select, update
from persistence.tables.conversations import messages, runs
from persistence.tables.engine import steps, usage
from persistence.tables.engine import tasks as t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from persistence.statements import Rows

_OPEN_COLUMNS = (t.c.id, t.c.session_id, t.c.run_id, t.c.agent_id, t.c.answer_id, t.c.status, t.c.generation)
_OPEN = t.c.status.in_([TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.BLOCKED, TaskStatus.WAITING])
_HELD = sa.and_(t.c.id == param("id"), t.c.fence == param("by"), t.c.status == TaskStatus.RUNNING)


def _claim() -> sa.Update:
    unfinished = select(sa.literal(1), source=messages).where(
        messages.c.session_id == t.c.session_id,
        messages.c.id == t.c.after_message_id,
        messages.c.status == MessageStatus.STREAMING,
    )
    return (
        update(t)
        .where(t.c.id == param("id"), t.c.status == TaskStatus.QUEUED, ~unfinished.correlate(t).exists())
        .values(
            status=TaskStatus.RUNNING,
            fence=t.c.fence + 1,
            worker_id=param("worker"),
            lease_until=after(seconds("lease")),
            started_at=sa.func.coalesce(t.c.started_at, now()),
        )
        .returning(
            t.c.session_id,
            t.c.run_id,
            t.c.agent_id,
            t.c.answer_id,
            t.c.agent_version,
            t.c.fence,
            t.c.generation,
        )
    )


def _take_back(*holder: sa.ColumnElement[bool], restarts: int) -> sa.Update:
    return (
        update(t)
        .where(t.c.id == param("id"), t.c.status == TaskStatus.RUNNING, *holder)
        .values(
            status=TaskStatus.QUEUED,
            fence=t.c.fence + 1,
            generation=t.c.generation + 1,
            restarts=t.c.restarts + restarts,
            worker_id=None,
            lease_until=None,
        )
        .returning(*_OPEN_COLUMNS, t.c.restarts)
    )


def _open_where(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return select(*_OPEN_COLUMNS).where(_OPEN, *conditions).order_by(t.c.agent_id, t.c.id)


_INSERT_CLAIMED = inserting(t, lease_until=after(seconds("lease")), started_at=now())
_CLAIM = _claim()
_TAKE_BACK_EXPIRED = _take_back(t.c.lease_until < now(), restarts=1)
_TAKE_BACK_OWN = _take_back(t.c.worker_id == param("worker"), restarts=0)
_QUESTION = select(runs.c.question_id).where(runs.c.id == param("run"))
_HOLDS = select(t.c.id).where(_HELD).with_for_update()
_END = (
    update(t)
    .where(_HELD)
    .values(status=param("to"), problem=param("why"), finished_at=now(), worker_id=None, lease_until=None)
)
_CANCEL = (
    update(t)
    .where(t.c.id == param("id"), t.c.status == param("was"), t.c.generation == param("gen"))
    .values(
        status=param("to"),
        problem=param("why"),
        fence=t.c.fence + 1,
        finished_at=now(),
        worker_id=None,
        lease_until=None,
    )
)
_OF_RUN = _open_where(t.c.run_id == param("run"))
_OF_SESSION = _open_where(t.c.session_id == param("session"))
_OF_AGENT = _open_where(t.c.agent_id == param("agent"))
_OF_PROJECT = _open_where()
_SECONDS = select(t.c.started_at, now()).where(t.c.id == param("id"))


class SqlTasks:
    """Tasks of one project."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add_queued(self, task: NewTask) -> None:
        """Insert a task that waits for a claim."""
        self._rows.insert(t, _row_of(task, TaskStatus.QUEUED))

    def add_claimed(self, task: NewTask, *, question_id: UUID, worker_id: UUID, lease_s: float) -> Claim:
        """Insert a task that this worker runs at once."""
        row = {
            **_row_of(task, TaskStatus.RUNNING),
            "fence": 1,
            "worker_id": worker_id,
            **filled(lease=lease_s),
        }
        self._rows.insert(t, row, by=_INSERT_CLAIMED)
        return Claim(
            self._key(task.id, task.agent_id),
            task.session_id,
            task.run_id,
            question_id,
            task.answer_id,
            task.agent_version,
            fence=1,
            generation=0,
        )

    def claim(self, task_id: UUID, *, worker_id: UUID, lease_s: float) -> Claim | None:
        """QUEUED to RUNNING with the next fence."""
        row = self._rows.one(_CLAIM, id=task_id, worker=worker_id, lease=lease_s)
        if row is None:
            return None
        session_id, run_id, agent_id, answer_id, version, fence, generation = row
        question = self._rows.one(_QUESTION, run=run_id)
        if question is None:
            return None
        key = self._key(task_id, agent_id)
        return Claim(key, session_id, run_id, question[0], answer_id, version, fence, generation)

    def holds(self, claim: Claim) -> bool:
        return self._rows.one(_HOLDS, id=claim.task.task_id, by=claim.fence) is not None

    def end(self, claim: Claim, *, status: TaskStatus, problem: str | None) -> bool:
        """RUNNING to an end, under the fence."""
        return self._rows.run(_END, id=claim.task.task_id, by=claim.fence, to=status, why=problem) == 1

    def take_back(self, task_id: UUID, *, worker_id: UUID | None = None) -> tuple[OpenTask, int] | None:
        """RUNNING to QUEUED: a lease that is over, or this worker's own; with the number of restarts."""
        if worker_id is None:
            row = self._rows.one(_TAKE_BACK_EXPIRED, id=task_id)
        else:
            row = self._rows.one(_TAKE_BACK_OWN, id=task_id, worker=worker_id)
        return (_open_of(row[:7]), row[7]) if row else None

    def open_of_run(self, run_id: UUID) -> Sequence[OpenTask]:
        """Tasks of a run that have not ended."""
        return [_open_of(row) for row in self._rows.all(_OF_RUN, run=run_id)]

    def open_of_session(self, session_id: UUID) -> Sequence[OpenTask]:
        """Tasks of a session that have not ended."""
        return [_open_of(row) for row in self._rows.all(_OF_SESSION, session=session_id)]

    def open_of_agent(self, agent_id: UUID) -> Sequence[OpenTask]:
        """Tasks of an agent that have not ended."""
        return [_open_of(row) for row in self._rows.all(_OF_AGENT, agent=agent_id)]

    def open_of_project(self) -> Sequence[OpenTask]:
        """Tasks of the project that have not ended."""
        return [_open_of(row) for row in self._rows.all(_OF_PROJECT)]

    def close(self, task: OpenTask, *, status: TaskStatus, problem: str | None = None) -> float | None:
        """End a task whoever holds it, if it is still as it was read; seconds since it was first claimed."""
        changed = self._rows.run(
            _CANCEL, id=task.id, was=task.status, gen=task.generation, to=status, why=problem
        )
        if changed != 1:
            return None
        row = self._rows.one(_SECONDS, id=task.id)
        return max((row[1] - row[0]).total_seconds(), 0.0) if row and row[0] else 0.0

    def record_step(self, claim: Claim, *, position: int, response: dict[str, object]) -> None:
        """Journal a model response."""
        row = {"task_id": claim.task.task_id, "position": position, "kind": "MODEL", "response": response}
        self._rows.insert(steps, row)

    def record_usage(self, *, usage_id: UUID, claim: Claim, call: ModelCall) -> None:
        """Record a paid model call."""
        self._rows.insert(
            usage,
            {
                "id": usage_id,
                "session_id": claim.session_id,
                "run_id": claim.run_id,
                "task_id": claim.task.task_id,
                "agent_id": claim.task.agent_id,
                "model": call.model,
                "input_tokens": call.usage.input_tokens,
                "output_tokens": call.usage.output_tokens,
                "cost_micro_usd": call.usage.cost_micro_usd,
                "price_known": call.price_known,
                "estimated": call.estimated,
                "seconds": call.usage.seconds,
            },
        )

    def _key(self, task_id: UUID, agent_id: UUID) -> TaskKey:
        project_id = self._rows.project_id
        if project_id is None:
            raise TypeError("tasks are reached inside a project")
        return TaskKey(self._rows.user_id, project_id, task_id, agent_id)


def _open_of(row: Sequence[Any]) -> OpenTask:
    return OpenTask(*(*row[:5], TaskStatus(row[5]), row[6]))


def _row_of(task: NewTask, status: TaskStatus) -> dict[str, Any]:
    return {
        "id": task.id,
        "session_id": task.session_id,
        "run_id": task.run_id,
        "agent_id": task.agent_id,
        "agent_version": task.agent_version,
        "answer_id": task.answer_id,
        "after_message_id": task.after_message_id,
        "key": "answer",
        "status": status,
        "ticket": task.ticket,
    }

"""Ends tasks from outside: a person stopped them, or what they belong to is being deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.bus.ports import ENGINE_CHANNEL
from domain.conversations.entities import MessageStatus, RunStatus, Usage
from domain.conversations.ports import Advance
from domain.events.kinds import MessageCompleted, RunStatusChanged
from domain.scopes import HintCommitted, ProjectTx
from domain.tasks.entities import TaskStatus
from domain.tasks.ports import OpenTask


def close_tasks(
    tx: ProjectTx,
    tasks: Sequence[OpenTask],
    *,
    texts: Mapping[UUID, str] | None = None,
    problem: str | None = None,
) -> int:
    """Cancel tasks, whoever holds them, with their answers and runs; returns how many were cancelled.

    What was written so far stays: `texts` by answer, where it is known to be longer than the
    checkpoint. Tasks that ended meanwhile are passed over. Locks are taken slots first, then
    tasks, then sessions, each in the order of `tasks` (by agent and id).
    """
    closed = [(task, took) for task in tasks if (took := _close(tx, task, problem)) is not None]
    for task, seconds in closed:
        _end_answer(tx, task, text=(texts or {}).get(task.answer_id), problem=problem, seconds=seconds)
        tx.announce(HintCommitted(ENGINE_CHANNEL, {"cancel": str(task.id)}))
    if closed:
        tx.announce(HintCommitted(ENGINE_CHANNEL, {"wake": True}))
    return len(closed)


def close_task(tx: ProjectTx, task: OpenTask, *, problem: str) -> None:
    """Cancel one task of something that is being deleted."""
    close_tasks(tx, [task], problem=problem)


def _close(tx: ProjectTx, task: OpenTask, problem: str | None) -> float | None:
    tx.slots.lock(task.agent_id)
    took = tx.tasks.close(task, status=TaskStatus.CANCELLED, problem=problem)
    if took is None:
        return None
    if task.status == TaskStatus.RUNNING:
        tx.slots.finish(task.agent_id, succeeded=None, seconds=took)
    else:
        tx.slots.leave_waiting(task.agent_id)
    return took


def _end_answer(
    tx: ProjectTx, task: OpenTask, *, text: str | None, problem: str | None, seconds: float
) -> None:
    usage = Usage(seconds=seconds)
    ended = tx.messages.complete(
        task.answer_id, status=MessageStatus.CANCELLED, content=text, model=None, usage=usage
    )
    tx.runs.finish(task.run_id, status=RunStatus.CANCELLED, problem=problem, model=None, usage=usage)
    if ended is None:
        return
    tx.events.append(
        task.session_id,
        MessageCompleted(
            task.answer_id, ended.generation, MessageStatus.CANCELLED, ended.content, usage, (), problem
        ),
        RunStatusChanged(task.run_id, RunStatus.CANCELLED, problem, usage),
        advance=Advance(2, active_runs=-1),
    )

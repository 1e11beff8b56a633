"""Ends tasks from outside: a person stopped them, or what they belong to is being deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from domain.bus.claim import agent_changed
from domain.bus.ports import ENGINE_CHANNEL
from domain.conversations.entities import MessageStatus, RunStatus, Usage
from domain.conversations.ports import Advance
from domain.events.kinds import MessageCompleted, RunStatusChanged
from domain.events.live import TextSoFar
from domain.scopes import HintCommitted, ProjectTx
from domain.tasks.entities import TaskStatus
from domain.tasks.ports import OpenTask


def close_tasks(
    tx: ProjectTx,
    find: Callable[[], Sequence[OpenTask]],
    *,
    texts: Mapping[UUID, TextSoFar] | None = None,
    problem: str | None = None,
) -> Sequence[OpenTask]:
    """Cancel the tasks that `find` reads, whoever holds them, with their answers and runs; returns them.

    They are read again once their agents' slots are held: nobody claims, ends or restarts one from then
    on. What was written so far stays: `texts` by answer, where there is more than the checkpoint. Locks
    are taken slots first, then tasks, then sessions, each by id.
    """
    for agent_id in sorted({task.agent_id for task in find()}):
        tx.slots.lock(agent_id)
    closed = [(task, took) for task in find() if (took := _close(tx, task, problem)) is not None]
    for task, seconds in sorted(closed, key=lambda it: it[0].session_id):
        _end_answer(tx, task, text=(texts or {}).get(task.answer_id), problem=problem, seconds=seconds)
        _announce(tx, task)
    if closed:
        tx.announce(HintCommitted(ENGINE_CHANNEL, {"wake": True}))
    return [task for task, _ in closed]


def close_task(tx: ProjectTx, task: OpenTask, *, problem: str) -> None:
    """Cancel one task of something that is being deleted, whose agents' slots are held."""
    close_tasks(tx, lambda: [task], problem=problem)


def _announce(tx: ProjectTx, task: OpenTask) -> None:
    tx.announce(HintCommitted(ENGINE_CHANNEL, {"cancel": str(task.id)}))
    tx.announce(HintCommitted(f"project:{tx.user_id}:{tx.project_id}", agent_changed(task.agent_id)))


def _close(tx: ProjectTx, task: OpenTask, problem: str | None) -> float | None:
    took = tx.tasks.close(task, status=TaskStatus.CANCELLED, problem=problem)
    if took is None:
        return None
    if task.status == TaskStatus.RUNNING:
        tx.slots.finish(task.agent_id, succeeded=None, seconds=took)
    else:
        tx.slots.leave_waiting(task.agent_id)
    return took


def _end_answer(
    tx: ProjectTx, task: OpenTask, *, text: TextSoFar | None, problem: str | None, seconds: float
) -> None:
    usage = Usage(seconds=seconds)
    content = text.text if text and text.generation == task.generation else None
    ended = tx.messages.complete(
        task.answer_id, status=MessageStatus.CANCELLED, content=content, model=None, usage=usage
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

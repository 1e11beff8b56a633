"""Takes tasks back from workers that are gone, or that are about to go."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from domain.bus.claim import agent_changed
from domain.bus.ports import ENGINE_CHANNEL
from domain.conversations.entities import MessageStatus, RunStatus, Usage
from domain.conversations.ports import Advance
from domain.events.kinds import MessageCompleted, RunStatusChanged
from domain.scopes import HintCommitted, ProjectTx, UserTx
from domain.tasks.entities import TaskKey, TaskStatus
from domain.tasks.ports import OpenTask

RESTARTS = 3
"""A task that loses its worker this often is given up: it may be what kills them."""
GIVEN_UP = "The server stopped while working on this, several times in a row. Try again later."


def take_back(tx: UserTx, key: TaskKey, *, worker_id: UUID | None = None) -> OpenTask | None:
    """Queue a running task again, in its next generation, or fail it after too many restarts.

    Without `worker_id` only a task whose lease is over; with it what this worker holds, which hands it back
    and counts as no restart. It goes back outside the bound of new work. Returns the task as it is now
    (FAILED when it was given up), None when there was nothing to take back.
    """
    p = tx.project(key.project_id)
    p.slots.lock(key.agent_id)
    taken = p.tasks.take_back(key.task_id, worker_id=worker_id)
    if taken is None:
        return None
    task, restarts = taken
    if worker_id is None and restarts > RESTARTS:
        task = _given_up(p, task)
    else:
        _queue_again(p, task)
    p.announce(HintCommitted(ENGINE_CHANNEL, {"wake": True}))
    p.announce(HintCommitted(f"project:{tx.user_id}:{p.project_id}", agent_changed(task.agent_id)))
    return task


def _queue_again(p: ProjectTx, task: OpenTask) -> None:
    p.slots.back_to_waiting(task.agent_id)
    p.messages.restart(task.answer_id, generation=task.generation)
    p.runs.requeue(task.run_id)
    p.events.append(task.session_id, RunStatusChanged(task.run_id, RunStatus.QUEUED, None, None))


def _given_up(p: ProjectTx, task: OpenTask) -> OpenTask:
    seconds = p.tasks.close(task, status=TaskStatus.FAILED, problem=GIVEN_UP) or 0.0
    p.slots.finish(task.agent_id, succeeded=False, seconds=seconds)
    usage = Usage(seconds=seconds)
    p.runs.finish(task.run_id, status=RunStatus.FAILED, problem=GIVEN_UP, model=None, usage=usage)
    ended = p.messages.complete(
        task.answer_id, status=MessageStatus.FAILED, content=None, model=None, usage=usage
    )
    content, generation = (ended.content, ended.generation) if ended else ("", task.generation)
    p.events.append(
        task.session_id,
        MessageCompleted(task.answer_id, generation, MessageStatus.FAILED, content, usage, (), GIVEN_UP),
        RunStatusChanged(task.run_id, RunStatus.FAILED, GIVEN_UP, usage),
        advance=Advance(2, active_runs=-1),
    )
    return replace(task, status=TaskStatus.FAILED)

"""What the engine asks of its task rows. All methods are statements of the open transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from domain.conversations.entities import Usage
from domain.tasks.entities import Claim, TaskStatus


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to insert; RUNNING tasks are born with a lease of their worker's."""

    id: UUID
    session_id: UUID
    run_id: UUID
    agent_id: UUID
    agent_version: int
    answer_id: UUID
    after_message_id: UUID | None
    ticket: int


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A task that has not ended."""

    id: UUID
    session_id: UUID
    run_id: UUID
    agent_id: UUID
    answer_id: UUID
    status: TaskStatus
    generation: int


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One paid model call, as it is recorded."""

    model: str
    usage: Usage
    price_known: bool
    estimated: bool


class TaskRows(Protocol):
    """Tasks of the project."""

    def add_queued(self, task: NewTask) -> None:
        """Insert a task that waits for a claim."""

    def add_claimed(self, task: NewTask, *, question_id: UUID, worker_id: UUID, lease_s: float) -> Claim:
        """Insert a task that this worker runs at once."""

    def claim(self, task_id: UUID, *, worker_id: UUID, lease_s: float) -> Claim | None:
        """QUEUED to RUNNING with the next fence; None when another was faster or it is not ready."""

    def holds(self, claim: Claim) -> bool:
        """Whether the claim is still worth something; if so the task stays as it is until the transaction ends."""

    def end(self, claim: Claim, *, status: TaskStatus, problem: str | None) -> bool:
        """RUNNING to an end, under the fence; False when the claim is lost."""

    def take_back(self, task_id: UUID, *, worker_id: UUID | None = None) -> tuple[OpenTask, int] | None:
        """RUNNING to QUEUED with the next fence and generation, and how often a worker was lost with it.

        Only when its lease is over or, with `worker_id`, while that worker holds it (it is then handed
        back, not lost); else None.
        """

    def open_of_run(self, run_id: UUID) -> Sequence[OpenTask]:
        """Tasks of a run that have not ended, by agent and id."""

    def open_of_session(self, session_id: UUID) -> Sequence[OpenTask]:
        """Tasks of a session that have not ended, by agent and id."""

    def open_of_agent(self, agent_id: UUID) -> Sequence[OpenTask]:
        """Tasks of an agent that have not ended, by agent and id."""

    def open_of_project(self) -> Sequence[OpenTask]:
        """Tasks of the project that have not ended, by agent and id."""

    def close(self, task: OpenTask, *, status: TaskStatus, problem: str | None = None) -> float | None:
        """End a task whoever holds it, raising the fence; seconds since it was first claimed (0 when never).

        None when it is not any more as it was read: read again and decide again.
        """

    def record_step(self, claim: Claim, *, position: int, response: dict[str, object]) -> None:
        """Journal a model response."""

    def record_usage(self, *, usage_id: UUID, claim: Claim, call: ModelCall) -> None:
        """Record a paid model call."""

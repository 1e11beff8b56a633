"""Tasks as the engine sees them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class TaskStatus(StrEnum):
    """BLOCKED > QUEUED > RUNNING <> WAITING > SUCCEEDED, FAILED, SKIPPED or CANCELLED.

    RUNNING goes back to QUEUED when its worker is lost or hands it back.
    """

    BLOCKED = "BLOCKED"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


class WaitingOn(StrEnum):
    """What a WAITING task waits for; it holds no slot, lease or connection meanwhile."""

    APPROVAL = "APPROVAL"
    TOOL_RESULT = "TOOL_RESULT"
    AGENT = "AGENT"
    RETRY = "RETRY"
    PAUSE = "PAUSE"


@dataclass(frozen=True, slots=True)
class TaskKey:
    """Where a task lies: all that a statement without an owner may return."""

    user_id: UUID
    project_id: UUID
    task_id: UUID
    agent_id: UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a task until the lease ends; `fence` goes with every write."""

    task: TaskKey
    session_id: UUID
    run_id: UUID
    question_id: UUID
    answer_id: UUID
    agent_version: int
    fence: int
    generation: int

"""The facts of a session: self-contained, versioned snapshots of what changed.

Delivering a fact needs no SQL: it carries what its GraphQL type shows. `VERSION` is the version
that is written today; older rows pass through upcasters when they are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.conversations.entities import AgentRef, Author, Citation, MessageStatus, RunMode, RunStatus, Usage

VERSION = 1


@dataclass(frozen=True, slots=True)
class MessageCreated:
    """A question, or an answer that begins to be written (then `content` is empty)."""

    message_id: UUID
    parent_id: UUID | None
    author: Author
    content: str
    agent: AgentRef | None
    run_id: UUID | None


@dataclass(frozen=True, slots=True)
class MessageCompleted:
    """A message got its final text; partial when `status` is FAILED or CANCELLED."""

    message_id: UUID
    generation: int
    status: MessageStatus
    content: str
    usage: Usage | None
    citations: tuple[Citation, ...]
    problem: str | None


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message and everything below it are gone."""

    message_id: UUID


@dataclass(frozen=True, slots=True)
class HeadMoved:
    """The branch that is continued by default now ends at another message."""

    head_id: UUID


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run was admitted; says who answers and, in auto mode, how sure the choice was and why."""

    run_id: UUID
    mode: RunMode
    agent: AgentRef | None
    confidence: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class RunStatusChanged:
    """A run moved to another state."""

    run_id: UUID
    status: RunStatus
    problem: str | None
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class MemoryRecalled:
    """What an agent was reminded of before it answers; `degraded` says that its memory did not answer in time."""

    run_id: UUID
    agent: AgentRef
    citations: tuple[Citation, ...]
    seconds: float
    degraded: bool


@dataclass(frozen=True, slots=True)
class SessionRenamed:
    """The session has a new title."""

    title: str


@dataclass(frozen=True, slots=True)
class SessionDeleted:
    """The session's last fact."""


FactBody = (
    MessageCreated
    | MessageCompleted
    | MessageDeleted
    | HeadMoved
    | RunStarted
    | RunStatusChanged
    | MemoryRecalled
    | SessionRenamed
    | SessionDeleted
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One stored event: its place in the session's gap-free log, when, and what."""

    seq: int
    at: datetime
    body: FactBody

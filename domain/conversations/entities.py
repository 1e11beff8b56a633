"""Sessions, messages and runs as they are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Author(StrEnum):
    """Who wrote a message."""

    USER = "USER"
    AGENT = "AGENT"
    SYSTEM = "SYSTEM"


class MessageStatus(StrEnum):
    """Questions are born COMPLETE; answers are STREAMING until they end."""

    STREAMING = "STREAMING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class RunMode(StrEnum):
    """DIRECT: the user named the agent. AUTO: the orchestrator chose."""

    DIRECT = "DIRECT"
    AUTO = "AUTO"


class RunStatus(StrEnum):
    """The one lifecycle of an answer; see `domain.conversations.states`."""

    QUEUED = "QUEUED"
    PLANNING = "PLANNING"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    SUCCEEDED = "SUCCEEDED"
    PARTIALLY_FAILED = "PARTIALLY_FAILED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class AgentRef:
    """The agent as it was when it answered; still readable when the agent is gone."""

    id: UUID
    name: str
    handle: str
    version: int


@dataclass(frozen=True, slots=True)
class Citation:
    """A memory that an answer used. Its text stays with the memory: what is forgotten is cited no more."""

    memory_id: UUID
    score: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent: tokens, integer micro-USD, model calls, and seconds from claim to end."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_micro_usd: int = 0
    model_calls: int = 0
    seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        """The sum of both."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_micro_usd + other.cost_micro_usd,
            self.model_calls + other.model_calls,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class Session:
    """One chat. `seq` is the position of its newest event."""

    id: UUID
    project_id: UUID
    title: str
    head_id: UUID | None
    seq: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One node of a session's tree; `depth` counts its ancestors."""

    id: UUID
    project_id: UUID
    session_id: UUID
    parent_id: UUID | None
    depth: int
    author: Author
    content: str
    status: MessageStatus
    generation: int
    run_id: UUID | None
    agent: AgentRef | None
    model: str | None
    usage: Usage | None
    citations: tuple[Citation, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One answer being made."""

    id: UUID
    project_id: UUID
    session_id: UUID
    mode: RunMode
    status: RunStatus
    question_id: UUID
    answer_id: UUID
    agent: AgentRef | None
    confidence: float | None
    reason: str | None
    problem: str | None
    model: str | None
    usage: Usage
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Turn:
    """One complete message as a model sees it."""

    author: Author
    content: str
    agent_handle: str | None = field(default=None)

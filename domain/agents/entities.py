"""Agents, their versions and their queue as they are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.models.entities import ModelRef

ERROR_AFTER_FAILURES = 3
"""An agent is in ERROR when its last three runs failed (spec S2)."""
WAITING_LIMIT = 100
"""New work that one agent may have waiting (spec S4)."""


class AgentStatus(StrEnum):
    """READY has a free slot, BUSY has none, ERROR failed three times in a row."""

    READY = "READY"
    BUSY = "BUSY"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class AgentTool:
    """A tool that an agent may be given."""

    name: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What one version of an agent consists of; immutable once saved."""

    name: str
    handle: str
    role: str
    capabilities: tuple[str, ...]
    system_prompt: str
    model: ModelRef
    temperature: float
    max_tokens: int
    concurrency_limit: int
    tools: tuple[AgentTool, ...]


@dataclass(frozen=True, slots=True)
class Queue:
    """An agent's counters: work that waits, work that runs, and the bound of what runs."""

    waiting: int
    running: int
    running_limit: int
    consecutive_failures: int

    @property
    def status(self) -> AgentStatus:
        """READY, BUSY or ERROR."""
        if self.consecutive_failures >= ERROR_AFTER_FAILURES:
            return AgentStatus.ERROR
        return AgentStatus.READY if self.running < self.running_limit else AgentStatus.BUSY


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent at its current version."""

    id: UUID
    project_id: UUID
    version: int
    is_active: bool
    settings: AgentSettings
    queue: Queue
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AgentVersion:
    """An agent's settings as they were at one version."""

    version: int
    settings: AgentSettings
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AgentStatistics:
    """What an agent has done; times in seconds from claim to end, p95 over its last 100 tasks."""

    processed: int
    failed: int
    mean_s: float | None
    p95_s: float | None
    last_active_at: datetime | None

    @property
    def error_rate(self) -> float:
        """Failed of processed, 0 when nothing was processed."""
        return self.failed / self.processed if self.processed else 0.0

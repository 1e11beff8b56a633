"""Memories as they are read, and what may be asked of them (spec S6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

MAX_TEXT = 8_000
"""Characters of one memory."""
MAX_QUERY = 2_000
"""Characters of a query; more of them say nothing more precisely."""
DEFAULT_LIMIT = 1_000_000
"""Memories of one agent."""
DEFAULT_IMPORTANCE = 0.5
NOTE_IMPORTANCE = 0.8
"""What a person writes down themselves is meant to be found."""


class MemoryKind(StrEnum):
    """INTERACTION: a question with its answer. FACT: something the user stated. NOTE: written by the user."""

    INTERACTION = "INTERACTION"
    FACT = "FACT"
    NOTE = "NOTE"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a memory comes from; a note comes from nowhere but its writer."""

    message_id: UUID | None = None
    run_id: UUID | None = None
    session_id: UUID | None = None
    agent_version: int | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing that an agent remembers.

    `window` is the text with the turn before it, which is searched as well and never shown. `version` rises
    with each change that the index must hear of; `indexed_version` is what the index has confirmed;
    `problem` says why it has not.
    """

    id: UUID
    project_id: UUID
    agent_id: UUID
    kind: MemoryKind
    text: str
    window: str
    success: bool
    importance: float
    pinned: bool
    source: Provenance
    occurrences: int
    uses: int
    superseded_by: UUID | None
    version: int
    indexed_version: int
    problem: str | None
    created_at: datetime
    last_used_at: datetime | None

    @property
    def indexed(self) -> bool:
        """Whether a search can find it as it is now."""
        return self.indexed_version == self.version


@dataclass(frozen=True, slots=True)
class NewMemory:
    """A memory to store; `subject` is what it states something about, folded, when that can be told."""

    id: UUID
    agent_id: UUID
    kind: MemoryKind
    text: str
    content_hash: str
    window: str = ""
    success: bool = True
    importance: float = DEFAULT_IMPORTANCE
    source: Provenance = Provenance()
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class MemoryFilter:
    """Which memories are meant; None does not restrict. `since` and `until` bound the creation (UTC)."""

    session_id: UUID | None = None
    kind: MemoryKind | None = None
    success: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory that was found, and how well it fits: 0 to 1, comparable within one search."""

    memory: Memory
    score: float

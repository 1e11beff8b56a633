"""Where something lies that a purge removes: keys, to be looked at again inside their owner's scope."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class BuriedKey:
    """Where something deleted lies; `table` says what it is."""

    table: str
    user_id: UUID
    project_id: UUID
    id: UUID


@dataclass(frozen=True, slots=True)
class OutlivedKey:
    """A session's events up to `seq` are older than they are kept."""

    user_id: UUID
    project_id: UUID
    session_id: UUID
    seq: int

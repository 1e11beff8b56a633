"""What a review asks of its queue and of the rows that it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from domain.memory.ports import Tenant


@dataclass(frozen=True, slots=True)
class ReviewKey:
    """A memory that waits for its review; `attempts` counts this one as well."""

    user_id: UUID
    project_id: UUID
    agent_id: UUID
    memory_id: UUID
    attempts: int

    @property
    def tenant(self) -> Tenant:
        """Whose it is."""
        return Tenant(self.user_id, self.project_id, self.agent_id)


class ReviewQueue(Protocol):
    """What waits for a review, whoever owns it."""

    async def due(self, *, limit: int, lease_s: float) -> Sequence[ReviewKey]:
        """Take what is due, oldest first; nobody else gets it before the lease is over."""


class ReviewRows(Protocol):
    """Reviews of the project's memories."""

    def ask(self, memory_id: UUID, agent_id: UUID, *, after_s: float) -> None:
        """Let a memory that is new in this transaction be reviewed, not before so many seconds."""

    def replace(self, agent_id: UUID, older: Mapping[UUID, int], *, by: UUID, version: int) -> int:
        """Mark older memories, each at the version that was judged, as replaced; how many were.

        None is when the newer one is not there any more at its version. Never what is pinned, replaced
        already, or another agent's.
        """

    def settle(self, memory_id: UUID) -> None:
        """It needs no review any more."""

    def postpone(self, memory_id: UUID, *, retry_s: float) -> None:
        """Keep it for later."""

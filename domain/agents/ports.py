"""What agents ask of their rows. All methods are statements of the open transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from domain.agents.entities import Agent, AgentSettings, AgentStatistics, AgentVersion
from domain.pages import Page, PageRequest


class AgentRows(Protocol):
    """Agents of the project."""

    def page(self, request: PageRequest) -> Page[Agent]:
        """Oldest first."""

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Agent]:
        """Visible agents by id."""

    def active(self) -> Sequence[Agent]:
        """Every active agent, oldest first."""

    def by_handle(self, handle_folded: str) -> Agent | None:
        """The visible agent with this handle (after NFC and case folding)."""

    def handles(self) -> Sequence[str]:
        """The handles of visible agents as they are shown, sorted by their folded form."""

    def add(self, agent_id: UUID, settings: AgentSettings, *, handle_folded: str, is_active: bool) -> None:
        """Insert at version 1, with its slots. Raises Conflict when the handle is taken."""

    def save(
        self,
        agent_id: UUID,
        settings: AgentSettings,
        *,
        handle_folded: str,
        is_active: bool,
        expected_version: int,
    ) -> bool:
        """Insert the next version and make it current; False when `expected_version` is not current any more.

        Also sets the slots' limit and forgives earlier failures (status ERROR ends with an edit).
        Raises Conflict when the handle is taken.
        """

    def version(self, agent_id: UUID, version: int) -> AgentVersion | None:
        """One version of a visible agent; immutable, so it may be cached for ever."""

    def versions(self, agent_id: UUID, request: PageRequest) -> Page[AgentVersion]:
        """Newest first."""

    def statistics(self, ids: Collection[UUID]) -> Mapping[UUID, AgentStatistics]:
        """What agents have done."""

    def bury(self, agent_id: UUID) -> bool:
        """Mark as deleted: invisible from now on, purged later. False when it is not visible.

        Its slots are closed and stay locked until the transaction ends: see `ProjectRows.bury`.
        """

    def count(self) -> int:
        """Visible agents."""


class SlotRows(Protocol):
    """The agents' counters; every method is one conditional UPDATE, which locks the row.

    A buried agent's slots are closed: they admit and start nothing, but what runs can end. Whether an
    agent is active is not known here; `send` asks the agent in the same transaction.
    """

    def lock(self, agent_id: UUID) -> None:
        """Take the counters' row before a task's, until the transaction ends (the order that avoids deadlocks)."""

    def take_running(self, agent_id: UUID) -> int | None:
        """A free slot, if nothing waits; returns the ticket, None when there is none."""

    def take_waiting(self, agent_id: UUID) -> int | None:
        """A place in the queue; returns the ticket, None when WAITING_LIMIT wait already."""

    def start_waiting(self, agent_id: UUID) -> bool:
        """From waiting to running; False when no slot is free (or, on PostgreSQL, another claims just now)."""

    def leave_waiting(self, agent_id: UUID, count: int = 1) -> None:
        """Work that waited is gone (cancelled). Counters never go below 0: that would be a bug, and raises."""

    def back_to_waiting(self, agent_id: UUID) -> None:
        """From running to waiting, outside the bound of new work (a worker was lost)."""

    def finish(self, agent_id: UUID, *, succeeded: bool | None, seconds: float) -> int | None:
        """A slot becomes free; `succeeded` None (cancelled) counts neither way.

        Returns how many wait for one; None when none was taken.
        """

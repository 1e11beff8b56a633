"""What projects ask of their rows. All methods are statements of the open transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol
from uuid import UUID

from domain.conversations.entities import Session
from domain.pages import Page, PageRequest
from domain.projects.entities import Orchestrator, Project


class ProjectRows(Protocol):
    """The user's projects, and where the user's things lie."""

    def page(self, request: PageRequest) -> Page[Project]:
        """Oldest first."""

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Project]:
        """Visible projects by id."""

    def lock(self, project_id: UUID) -> Project | None:
        """A visible project, held until the transaction ends: nobody else changes or buries it meanwhile."""

    def count(self) -> int:
        """Visible projects; nobody else adds one until the transaction ends."""

    def add(self, project_id: UUID, *, name: str, workspace_path: str | None) -> None:
        """Insert. Raises Conflict when the name is taken."""

    def save(self, project_id: UUID, *, name: str, workspace_path: str | None) -> None:
        """Change. Raises Conflict when the name is taken."""

    def bury(self, project_id: UUID) -> bool:
        """Mark as deleted: it and all in it are invisible from now on, and purged later.

        Its agents' slots are closed and stay locked until the transaction ends, so that nothing new is
        admitted: open tasks that are listed after this are all there will be. False when it is not visible.
        """

    def session(self, session_id: UUID) -> Session | None:
        """A visible session of any of the user's projects; says in which one it lies."""

    def of_agent(self, agent_id: UUID) -> UUID | None:
        """The project in which a visible agent lies."""

    def of_memory(self, memory_id: UUID) -> UUID | None:
        """The project in which a memory of a visible agent lies."""

    def of_message(self, message_id: UUID) -> tuple[UUID, UUID] | None:
        """The project and the session in which a visible message lies."""

    def of_run(self, run_id: UUID) -> tuple[UUID, UUID] | None:
        """The project and the session in which a visible run lies."""


class OrchestratorRows(Protocol):
    """The orchestrator's settings of one project."""

    def get(self) -> Orchestrator:
        """As configured, or the defaults."""

    def save(self, orchestrator: Orchestrator) -> None:
        """Change; inside a transaction that holds the project."""

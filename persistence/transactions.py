"""One owner's open transaction: their repositories, and what to announce once it is committed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from persistence.repositories.agents import SqlAgents
from persistence.repositories.events import SqlEvents
from persistence.repositories.identity import SqlIdentity
from persistence.repositories.memories import SqlMemories
from persistence.repositories.messages import SqlMessages
from persistence.repositories.orchestrators import SqlOrchestrators
from persistence.repositories.projects import SqlProjects
from persistence.repositories.reviews import SqlReviews
from persistence.repositories.runs import SqlRuns
from persistence.repositories.sessions import SqlSessions
from persistence.repositories.slots import SqlSlots
from persistence.repositories.tasks import SqlTasks

if TYPE_CHECKING:
    from uuid import UUID

    from domain.scopes import Announcement
    from persistence.statements import Rows


class SqlProjectTx:
    """A transaction inside one project; repositories are made when they are first asked for."""

    def __init__(self, rows: Rows, project_id: UUID, announcements: list[Announcement]) -> None:
        self.user_id = rows.user_id
        self.project_id = project_id
        self._rows = rows.in_project(project_id)
        self._announcements = announcements

    def announce(self, announcement: Announcement) -> None:
        """Say this once the transaction is committed."""
        self._announcements.append(announcement)

    @cached_property
    def agents(self) -> SqlAgents:
        """Agents of the project."""
        return SqlAgents(self._rows)

    @cached_property
    def slots(self) -> SqlSlots:
        """Counters of the project's agents."""
        return SqlSlots(self._rows)

    @cached_property
    def orchestrator(self) -> SqlOrchestrators:
        """The orchestrator's settings."""
        return SqlOrchestrators(self._rows)

    @cached_property
    def sessions(self) -> SqlSessions:
        """Sessions of the project."""
        return SqlSessions(self._rows)

    @cached_property
    def messages(self) -> SqlMessages:
        """Messages of the project."""
        return SqlMessages(self._rows)

    @cached_property
    def runs(self) -> SqlRuns:
        """Runs of the project."""
        return SqlRuns(self._rows)

    @cached_property
    def events(self) -> SqlEvents:
        """Logs of the project's sessions."""
        return SqlEvents(self._rows, self.announce)

    @cached_property
    def memories(self) -> SqlMemories:
        """What the project's agents remember."""
        return SqlMemories(self._rows)

    @cached_property
    def reviews(self) -> SqlReviews:
        """What a model has yet to judge of it."""
        return SqlReviews(self._rows)

    @cached_property
    def tasks(self) -> SqlTasks:
        """Tasks of the project."""
        return SqlTasks(self._rows)


class SqlUserTx:
    """A transaction inside one user's rows."""

    def __init__(self, rows: Rows) -> None:
        self.user_id = rows.user_id
        self.announcements: list[Announcement] = []
        self._rows = rows

    def announce(self, announcement: Announcement) -> None:
        """Say this once the transaction is committed."""
        self.announcements.append(announcement)

    def project(self, project_id: UUID) -> SqlProjectTx:
        """The same transaction, confined to a project."""
        return SqlProjectTx(self._rows, project_id, self.announcements)

    @cached_property
    def identity(self) -> SqlIdentity:
        """The user's own row, preferences and sign-ins."""
        return SqlIdentity(self._rows)

    @cached_property
    def projects(self) -> SqlProjects:
        """The user's projects."""
        return SqlProjects(self._rows)

"""The owner's doorway: everything that belongs to a user is reached through their scope.

An authenticated user opens a `UserScope`. A transaction in it (`UserTx`) sees that user's rows and
no others; `tx.project(id)` confines it further to one project. Nothing behind the doorway takes a
user as an argument. What a transaction wants the world to hear (`tx.announce`) is said only after
it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

from domain.agents.ports import AgentRows, SlotRows
from domain.conversations.ports import EventRows, MessageRows, RunRows, SessionRows
from domain.events.kinds import Fact
from domain.identity.ports import IdentityRows
from domain.memory.ports import MemoryRows
from domain.memory.review_ports import ReviewRows
from domain.projects.ports import OrchestratorRows, ProjectRows
from domain.tasks.ports import TaskRows

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FactsCommitted:
    """Facts that a session's readers should hear."""

    session_id: UUID
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class HintCommitted:
    """A hint on a channel of this user's (`project:{id}`, `inbox`) or of all processes (`engine`, `revoked`)."""

    channel: str
    hint: Mapping[str, object]


Announcement = FactsCommitted | HintCommitted


class ProjectTx(Protocol):
    """One open transaction inside one project of one user."""

    @property
    def user_id(self) -> UUID: ...

    @property
    def project_id(self) -> UUID: ...

    @property
    def agents(self) -> AgentRows: ...

    @property
    def slots(self) -> SlotRows: ...

    @property
    def orchestrator(self) -> OrchestratorRows: ...

    @property
    def sessions(self) -> SessionRows: ...

    @property
    def messages(self) -> MessageRows: ...

    @property
    def runs(self) -> RunRows: ...

    @property
    def events(self) -> EventRows: ...

    @property
    def tasks(self) -> TaskRows: ...

    @property
    def memories(self) -> MemoryRows: ...

    @property
    def reviews(self) -> ReviewRows: ...

    def announce(self, announcement: Announcement) -> None:
        """Say this once the transaction is committed."""


class UserTx(Protocol):
    """One open transaction inside one user's rows. Synchronous: it can't await anything."""

    @property
    def user_id(self) -> UUID: ...

    @property
    def identity(self) -> IdentityRows: ...

    @property
    def projects(self) -> ProjectRows: ...

    def project(self, project_id: UUID) -> ProjectTx:
        """The same transaction, confined to a project. Does not check that the project exists."""

    def announce(self, announcement: Announcement) -> None:
        """Say this once the transaction is committed."""


class UserScope(Protocol):
    """One user's doorway, for one operation or for one step of the engine."""

    @property
    def user_id(self) -> UUID:
        """Whose it is; for keys of live data, never for a statement."""

    async def read(self, work: Callable[[UserTx], T]) -> T:
        """Run a read; all reads up to the next write see one snapshot.

        Raises:
            Unavailable: the database does not answer.
        """

    async def read_once(self, work: Callable[[UserTx], T]) -> T:
        """Run one read in a view of its own, which is closed at once: for work that goes on for long.

        Raises:
            Unavailable: the database does not answer.
        """

    async def write(self, work: Callable[[UserTx], T]) -> T:
        """Run a transaction, commit it, then announce. It may run more than once, so it has no other effects.

        Raises:
            Unavailable: the database does not answer.
        """

    async def aclose(self) -> None:
        """Give the snapshot back."""


class Scopes(Protocol):
    """Opens doorways; held by authentication and by the engine's claims alone."""

    def open(self, user_id: UUID) -> UserScope:
        """The doorway of a user who was authenticated, or whose task was claimed."""

"""What conversations ask of their rows. All methods are statements of the open transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol
from uuid import UUID

from domain.conversations.entities import (
    AgentRef,
    Author,
    Citation,
    Message,
    MessageStatus,
    Run,
    RunMode,
    RunStatus,
    Session,
    Turn,
    Usage,
)
from domain.events.kinds import FactBody
from domain.pages import Page, PageRequest


class Keep(Enum):
    """The one value that means: leave it as it is."""

    KEEP = "KEEP"


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to insert; `position` is the seq of the event that will announce it."""

    id: UUID
    session_id: UUID
    parent_id: UUID | None
    depth: int
    position: int
    author: Author
    content: str
    status: MessageStatus
    run_id: UUID | None
    agent: AgentRef | None


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to insert; `key` and `input_hash` make it idempotent, `position` orders it in its session."""

    id: UUID
    session_id: UUID
    position: int
    mode: RunMode
    status: RunStatus
    question_id: UUID
    answer_id: UUID
    agent: AgentRef
    confidence: float | None
    reason: str | None
    key: str
    input_hash: str


@dataclass(frozen=True, slots=True)
class KnownRun:
    """The run that an idempotency key was used for."""

    run_id: UUID
    question_id: UUID
    input_hash: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A message that something is attached to; `writing` when it is an answer that is not finished."""

    id: UUID
    parent_id: UUID | None
    depth: int
    author: Author
    writing: bool


@dataclass(frozen=True, slots=True)
class KnownSession:
    """The session that an idempotency key was used for."""

    session_id: UUID
    input_hash: str


@dataclass(frozen=True, slots=True)
class Advance:
    """What to change of a session while its log is advanced by `facts` facts.

    `expected_head` guards against a branch that another request continued meanwhile.
    """

    facts: int
    head_id: UUID | Keep | None = KEEP
    expected_head: UUID | Keep | None = KEEP
    active_runs: int = 0
    served: bool = False
    title: str | None = None
    bury: bool = False


@dataclass(frozen=True, slots=True)
class Advanced:
    """The log's new end, the time of the facts, and the session's runs that have not ended."""

    seq: int
    at: datetime
    active_runs: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The final text of an answer and the generation that wrote it."""

    generation: int
    content: str


class SessionRows(Protocol):
    """Sessions of the project."""

    def page(self, request: PageRequest, *, search: str | None) -> Page[Session]:
        """Newest activity first, titles containing `search` (case-insensitive)."""

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Session]:
        """Visible sessions by id."""

    def add(self, session_id: UUID, *, title: str, key: str | None, input_hash: str) -> None:
        """Insert. Raises Moved when a concurrent request took the key or removed the project."""

    def by_key(self, key: str) -> KnownSession | None:
        """The visible session that an idempotency key made; a deleted one gives its key back."""

    def lock(self, session_id: UUID) -> None:
        """Take the session's row until the transaction ends; like `advance` after slots and tasks."""

    def advance(self, session_id: UUID, advance: Advance) -> Advanced | None:
        """Take the next numbers of the log and change the session's row with it, in one UPDATE.

        The row stays locked until the transaction ends, so this comes after slots and tasks.
        None when the session is not visible any more or its head is not the expected one.
        """


class MessageRows(Protocol):
    """Messages of the project."""

    def add(self, *messages: NewMessage) -> None:
        """Insert. Raises Moved when a concurrent request removed the parent."""

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Message]:
        """Visible messages by id."""

    def anchor(self, session_id: UUID, message_id: UUID) -> Anchor | None:
        """A message of the session, to attach to."""

    def path(self, session_id: UUID, leaf_id: UUID, request: PageRequest) -> Page[Message]:
        """The branch from the root to the leaf, oldest first."""

    def history(self, session_id: UUID, leaf_id: UUID, *, limit: int) -> Sequence[Turn]:
        """Up to `limit` COMPLETE messages up to and including the leaf, oldest first."""

    def siblings(self, ids: Collection[UUID]) -> Mapping[UUID, Sequence[Message]]:
        """For each message, all messages of its session with the same parent (itself too), oldest first."""

    def checkpoint(self, message_id: UUID, *, generation: int, content: str) -> bool:
        """Save the text so far of an answer that is being written; False when the generation is stale."""

    def restart(self, message_id: UUID, *, generation: int) -> None:
        """Begin another generation of an answer that is being written: its text is void."""

    def complete(
        self,
        message_id: UUID,
        *,
        status: MessageStatus,
        content: str | None,
        model: str | None,
        usage: Usage,
        citations: Sequence[Citation] = (),
    ) -> Ended | None:
        """End an answer that is being written (content None keeps the checkpoint); None when it had ended."""

    def below(self, session_id: UUID, message_id: UUID) -> Sequence[UUID]:
        """The ids of a message and everything under it, deepest last."""

    def delete(self, session_id: UUID, ids: Sequence[UUID]) -> None:
        """Delete messages, with their runs and tasks; children must be among them."""

    def newest_leaf(self, session_id: UUID) -> UUID | None:
        """The message that was added last and has no children."""


class RunRows(Protocol):
    """Runs of the project."""

    def add(self, run: NewRun) -> None:
        """Insert. Raises Moved when a concurrent request took the key."""

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Run]:
        """Visible runs by id."""

    def by_key(self, session_id: UUID, key: str) -> KnownRun | None:
        """The run that an idempotency key made."""

    def page(self, session_id: UUID, request: PageRequest, *, status: RunStatus | None) -> Page[Run]:
        """Runs of a session, newest first."""

    def start(self, run_id: UUID) -> bool:
        """QUEUED to RUNNING."""

    def requeue(self, run_id: UUID) -> None:
        """RUNNING to QUEUED: its worker was lost or is shutting down."""

    def finish(
        self, run_id: UUID, *, status: RunStatus, problem: str | None, model: str | None, usage: Usage
    ) -> bool:
        """To an end state; False when it had ended already."""


class EventRows(Protocol):
    """Logs of the project's sessions."""

    def store(self, session_id: UUID, advanced: Advanced, *bodies: FactBody) -> None:
        """Store the facts that an advance made room for, the last one at its end, and announce them."""

    def append(self, session_id: UUID, *bodies: FactBody, advance: Advance | None = None) -> Advanced | None:
        """Advance by the number of bodies and store them; None when the session is gone."""

"""The port to what is live: the buffer of recent facts, texts being written, and hints.

Everything here is a faster copy of SQL (or worth nothing after the moment): it may be late,
doubled, out of order, lost or dropped whole, and readers still end up exact.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.events.kinds import Fact

BUFFERED_FACTS = 100
"""Facts kept per session for fast replay (spec S7)."""
BUFFER_TTL_S = 300
"""How long a session's buffer lives after its last fact (spec S7)."""

TEXT_TTL_S = 600
"""How long a text so far lives after its last delta, and a refusal after `finish`."""


@dataclass(frozen=True, slots=True)
class SessionKey:
    """Whose session: keys of live data always carry the owner."""

    user_id: UUID
    session_id: UUID


@dataclass(frozen=True, slots=True)
class Delta:
    """Text to put at `offset` (Unicode code points) of one generation of a message."""

    message_id: UUID
    generation: int
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class TextSoFar:
    """What has been written of a message that is not finished."""

    message_id: UUID
    generation: int
    text: str


class Appended(StrEnum):
    """How a delta was received."""

    ACCEPTED = "ACCEPTED"
    STALE = "STALE"  # a newer generation exists, or this one is finished: the writer must stop
    GAP = "GAP"  # the text so far is shorter than the offset (a restart lost it): begin again with the whole text


class Live(Protocol):
    """Recent facts and texts being written, per session, shared by all processes."""

    async def publish(self, key: SessionKey, facts: Sequence[Fact]) -> None:
        """Buffer and broadcast facts that are already committed; never raises for a lost store."""

    async def buffered(self, key: SessionKey, *, after: int) -> list[Fact]:
        """The buffered facts with seq > after, by seq; with holes or empty when the buffer has lost them."""

    async def begin(self, key: SessionKey, *, message_id: UUID, generation: int, text: str = "") -> Appended:
        """Start (or restart, with the whole text) a generation; STALE when a newer one has begun or this one ended.

        With text, the text is broadcast as a delta at offset 0. Text of the same generation that is
        already known is kept when it is longer: a generation never shrinks.
        """

    async def append(self, key: SessionKey, delta: Delta) -> Appended:
        """Add text to a generation and broadcast it.

        A delta that starts below the known length is accepted for its new part only (idempotent); one
        at offset 0 of a generation that is not known begins it. While the store is lost every delta is
        ACCEPTED, so that the writer goes on; when the store is back the next one finds a GAP.
        """

    async def finish(self, key: SessionKey, *, message_id: UUID, generation: int) -> TextSoFar | None:
        """Refuse all later text of this and older generations; returns the text so far, if it is known."""

    async def writing(self, key: SessionKey) -> list[TextSoFar]:
        """Every message of the session that is being written, with its text so far.

        A message whose `finish` was lost with the store may linger here for TEXT_TTL_S.
        """

    def listen(self, key: SessionKey) -> AbstractAsyncContextManager[AsyncIterator[Fact | Delta]]:
        """Facts and deltas as they are published, from the moment the context is entered.

        The iterator never ends by itself and survives reconnections of the store (losing what was
        published meanwhile). Its queue is bounded: on overflow the oldest items are dropped. Awaiting
        an item may be cancelled and begun again without losing one.
        """

    async def drop(self, key: SessionKey) -> None:
        """Forget everything about a deleted session."""


class Hints(Protocol):
    """Small messages between processes; delivered at most once and worth nothing when late."""

    async def send(self, channel: str, hint: Mapping[str, object]) -> None:
        """Broadcast a hint; never raises for a lost store."""

    def listen(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, object]]]:
        """Hints from the moment the context is entered; bounded, oldest dropped."""

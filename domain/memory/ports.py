"""What memory asks of its rows, of the index that finds them again, and of what turns text into vectors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from domain.errors import CodeLabError, Unavailable
from domain.memory.entities import Memory, MemoryFilter, MemoryKind, NewMemory
from domain.pages import Page, PageRequest

Vector = Sequence[float]
"""A dense vector of the space's dimension, of length 1."""

_PLAIN, _DIGEST = 100, 10
"""Characters of a model's name in a collection's, and of what tells apart those that look the same there."""


class IndexUnavailable(Unavailable):
    """The index does not answer, or not in time; what it should hear waits in the outbox."""


class IsolationViolation(RuntimeError):
    """The index answered with what belongs to somebody else: a defect, to be counted and never shown."""


class EmbeddingFailed(CodeLabError):
    """No vectors came, or not such as the space has; the message says why in a user's words."""


class TextRefused(EmbeddingFailed):
    """The embedder answers, but never takes one of these texts."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose memories: one agent's. Made from a scope and a project of it, never from what a client says."""

    user_id: UUID
    project_id: UUID
    agent_id: UUID

    @property
    def key(self) -> str:
        """As it is stored with each point."""
        return f"u{self.user_id.hex}:p{self.project_id.hex}:a{self.agent_id.hex}"


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors that can be compared: made by one version of one model, all of one dimension.

    Each collection that holds such vectors is a generation of its own.
    """

    model: str
    dimension: int
    version: int = 1
    generation: int = 1

    def compares_with(self, other: Space) -> bool:
        """Whether vectors of both can be compared, whatever their generations."""
        return replace(self, generation=other.generation) == other

    @property
    def name(self) -> str:
        """What its collection is called: letters, digits, _ and - only, and no two spaces alike."""
        plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in self.model)
        if plain != self.model or len(plain) > _PLAIN:
            digest = sha256(self.model.encode()).hexdigest()[:_DIGEST]
            plain = f"{plain[:_PLAIN]}-{digest}"
        again = f"_g{self.generation}" if self.generation > 1 else ""
        return f"memories_{plain}_{self.dimension}_v{self.version}{again}"


@dataclass(frozen=True, slots=True)
class Point:
    """A memory as the index holds it. The texts become sparse vectors and are not kept.

    `window_text` and `window` are empty when there was nothing before.
    """

    memory_id: UUID
    version: int
    text: str
    dense: Vector
    kind: MemoryKind
    success: bool
    created_at: datetime
    session_id: UUID | None = None
    window_text: str = ""
    window: Vector = ()


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """What to look for: words and meaning together. With `exact` every memory of the tenant is compared."""

    text: str
    dense: Vector
    limit: int = 30
    session_id: UUID | None = None
    kind: MemoryKind | None = None
    success: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class IndexHit:
    """A point that was found; the higher the score, the better (reciprocal ranks, summed)."""

    memory_id: UUID
    version: int
    score: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """A point and how alike its meaning is: the cosine, -1 to 1."""

    memory_id: UUID
    cosine: float


class MemoryIndex(Protocol):
    """Finds memories again. It holds no text and nothing that SQL could not tell it anew (law 4).

    Every call names one tenant and sees nothing of another. All of them may raise IndexUnavailable.
    """

    async def has(self, space: Space) -> bool:
        """Whether the space's collection is there and can be read; nothing is made."""

    async def open(self, space: Space) -> bool:
        """Make sure that the space's collection exists, and say whether what was stored before is there.

        False when it was made anew, because there was none or it was damaged: it has to be told everything.
        The other calls need a space that was opened once, also before a restart.
        """

    async def upsert(self, space: Space, tenant: Tenant, points: Sequence[Point]) -> None:
        """Store points durably; one that is there at the same or a later version is left as it is."""

    async def delete(self, space: Space, tenant: Tenant, memory_ids: Collection[UUID]) -> None:
        """Forget points; unknown ones are no error."""

    async def drop(self, space: Space, tenant: Tenant) -> None:
        """Forget the tenant whole."""

    async def search(self, space: Space, tenant: Tenant, query: IndexQuery) -> Sequence[IndexHit]:
        """The best points: dense and BM25, of text and window, fused by reciprocal rank; ties by id."""

    async def alike(self, space: Space, tenant: Tenant, dense: Vector, *, limit: int) -> Sequence[Likeness]:
        """The points whose text's meaning is nearest, the nearest first."""

    async def count(self, space: Space, tenant: Tenant | None = None) -> int:
        """How many points there are: the tenant's, or all, for gauges."""

    async def remove(self, space: Space) -> None:
        """Give up the space's collection with all that it holds; one that is not there is no error."""


class Embedder(Protocol):
    """Turns texts into vectors of one space."""

    @property
    def space(self) -> Space:
        """What its vectors can be compared with."""

    @property
    def label(self) -> str:
        """What people are told: the model's name, or that it is lexical and not semantic."""

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector for each text, in order.

        Raises:
            EmbeddingFailed: also when a vector has another dimension; there are no stand-ins.
            TextRefused: one of the texts is never taken; which one shows when they come one by one.
        """


@dataclass(frozen=True, slots=True)
class OutboxKey:
    """Something that the index must hear of: a memory, or that its agent is gone.

    `change` is how far it was read: more may have happened when the index has heard.
    """

    user_id: UUID
    project_id: UUID
    agent_id: UUID
    memory_id: UUID
    change: int

    @property
    def is_whole_agent(self) -> bool:
        """Whether all that the agent remembered is gone."""
        return self.memory_id == self.agent_id

    @property
    def tenant(self) -> Tenant:
        """Whose it is."""
        return Tenant(self.user_id, self.project_id, self.agent_id)


class Outbox(Protocol):
    """What waits for the index, whoever owns it."""

    async def due(self, *, limit: int, lease_s: float) -> Sequence[OutboxKey]:
        """Take what is due, oldest first; nobody else gets it before the lease is over."""

    async def lag_s(self) -> float:
        """The age of what waits longest, in seconds; 0 when nothing waits. What was refused is not waited for."""


class Tenants(Protocol):
    """Every agent there is, whoever owns it: for what has to go through all memories."""

    async def tenants(self, *, after: Tenant | None, limit: int) -> Sequence[Tenant]:
        """The next ones in a fixed order."""


class MemoryRows(Protocol):
    """Memories of the project; those of deleted agents are not seen. Each change tells the outbox itself."""

    def page(self, agent_id: UUID, filter_: MemoryFilter, request: PageRequest) -> Page[Memory]:
        """Newest first."""

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        """By id."""

    def count(self, agent_id: UUID) -> int:
        """How many the agent has."""

    def add(self, new: NewMemory) -> UUID:
        """Store; an agent's memory of the same kind and text is counted once more instead, and its id returned."""

    def edit(self, memory_id: UUID, *, text: str, content_hash: str, subject: str | None) -> bool:
        """Give it another text: it stands, and is no part of a conversation any more. False when it is not there."""

    def pin(self, memory_id: UUID, *, pinned: bool) -> bool:
        """Keep it from pruning, or not. False when it is not there."""

    def supersede(self, agent_id: UUID, *, subject: str, by: UUID) -> int:
        """Mark what was stated about a subject before as replaced; how many were."""

    def merge(self, memory_id: UUID, *, into: UUID) -> None:
        """Let the older one count for both; the newer one goes."""

    def used(self, ids: Collection[UUID]) -> None:
        """Note that an answer used these."""

    def forget(self, ids: Collection[UUID]) -> int:
        """Remove for good; returns how many there were. What they had replaced stands again, here and below."""

    def prune(self, ids: Collection[UUID]) -> int:
        """Remove those that are not pinned; returns how many there were."""

    def forget_messages(self, message_ids: Collection[UUID]) -> int:
        """Remove what was learned from messages."""

    def forget_session(self, session_id: UUID) -> int:
        """Remove what was learned in a session."""

    def forget_some(self, agent_id: UUID, *, limit: int) -> int:
        """Remove up to `limit` of what an agent remembers; returns how many there were."""

    def drop(self, agent_id: UUID) -> None:
        """Let the index forget an agent that is being deleted; the rows go with the agent's own."""

    def drop_all(self) -> None:
        """Let the index forget every agent of a project that is being deleted."""

    def has_any(self, agent_id: UUID) -> bool:
        """Whether the agent remembers anything."""

    def retell(self, agent_id: UUID, *, after: UUID | None, limit: int, lost: bool) -> Sequence[UUID]:
        """Let the index hear of the next memories by id again, and return them; what was `lost` counts as new."""

    def least_valuable(self, agent_id: UUID, *, limit: int) -> Sequence[UUID]:
        """What pruning takes first: by age, use and importance; never what is pinned."""

    def settle(self, done: Sequence[OutboxKey], *, indexed: Mapping[UUID, int]) -> None:
        """The index has heard: note the versions that it has, and take the keys off the outbox.

        A memory that was removed or changed meanwhile is told again.
        """

    def postpone(self, keys: Sequence[OutboxKey], *, problem: str | None, retry_s: float) -> None:
        """The index has not heard: keep the keys for later, and say why at their memories, if they can't be found."""

    def refuse(self, keys: Sequence[OutboxKey], *, problems: Mapping[UUID, str], retry_s: float) -> None:
        """An embedder does not take these texts: let nothing wait for them. `problems`: what can't be found, and why."""

"""What is asked of Qdrant, written down once for every way to ask it; nothing here can be asked without a tenant."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import groupby
from math import isfinite
from typing import Protocol
from uuid import UUID, uuid5

from domain.memory.ports import IndexQuery, Point, Space, Tenant, Vector
from persistence.qdrant.bm25 import Sparse

TEXT, WINDOW, WORDS = "text", "window", "words"
"""The vectors of a point: the meaning of its text alone and with the turn before it, and the words of both."""
DENSE = (TEXT, WINDOW)
MIN_DEPTH = 50
"""How far down each ranking counts at least: what is far down in one may be high up in another."""
LINKS, BUILD_EFFORT = 16, 128
"""Neighbours of a point in the graph of its tenant, and how many are weighed for each; there is no graph of all."""
SMALL, SMALL_EFFORT, LARGE_EFFORT = 100_000, 64, 128
"""How many are weighed in a search of a tenant of up to `SMALL` points, and of a larger one, whose graph hides more."""
WORDS_SCAN = 256
"""Up to so many points have their words compared one by one; more are found by the lists of the words."""
SEARCH_S = 0.3
"""An answer is made without memory rather than later than this."""
WRITE_S = 30.0
CHUNK = 32
"""Points in one call: searches come in between, and 32 take the engine some 10 ms."""
TERM_BYTES = 4
"""Of the number of a word, in the engine as in what weighs words."""
_POINTS = UUID("6f1c9a52-5d0e-4c1b-9a43-0b6f7f0c2f1e")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Equals:
    """A payload field has this value."""

    key: str
    value: str | int


@dataclass(frozen=True, slots=True)
class Between:
    """A payload field is at least `least` and less than `below`; None does not bound."""

    key: str
    least: int | None = None
    below: int | None = None


@dataclass(frozen=True, slots=True)
class HasId:
    """The point is one of these."""

    ids: frozenset[UUID]


Condition = Equals | Between | HasId


@dataclass(frozen=True, slots=True)
class Where:
    """Points of one tenant that fulfil all of `also`. There is no filter without a tenant."""

    tenant: Tenant
    also: tuple[Condition, ...] = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that a point has to fulfil."""
        return (Equals("tenant", self.tenant.key), *self.also)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The `limit` points nearest to a vector.

    `corpus` are the points among which a word is rare or common: a tenant's own, or the words of others would
    show in its scores. `effort` is how many neighbours a graph's search weighs; None leaves it at `BUILD_EFFORT`.
    """

    vector: str
    nearest: Vector | Sparse
    where: Where
    limit: int
    corpus: Where | None = None
    exact: bool = False
    effort: int | None = None


class Words(Protocol):
    """Turns texts into the weights of their words."""

    def query(self, text: str) -> Sparse:
        """Weigh the words of a query."""

    def document(self, text: str) -> Sparse:
        """Weigh the words of a memory."""


def search(
    tenant: Tenant, query: IndexQuery, words: Words, *, effort: int | None = None
) -> tuple[Ranking, ...]:
    """Rank by meaning and by words, of text and window; to be fused. A query without words has two rankings."""
    return tuple(_rankings(tenant, query, words.query(query.text), effort))


def effort(points: int) -> int:
    """How many neighbours a search weighs, by how many points the tenant has, about."""
    return SMALL_EFFORT if points <= SMALL else LARGE_EFFORT


def alike(tenant: Tenant, dense: Vector, *, limit: int) -> Ranking:
    """Rank by the meaning of the text."""
    return Ranking(TEXT, dense, Where(tenant), limit)


def all_of(tenant: Tenant) -> Where:
    """Everything of a tenant."""
    return Where(tenant)


def these(tenant: Tenant, memory_ids: Collection[UUID]) -> Where:
    """Some points of a tenant; never by their ids alone."""
    return Where(tenant, (HasId(frozenset(point_id(tenant, each) for each in memory_ids)),))


def replaceable(tenant: Tenant, *, version: int) -> Where:
    """The points that one of this version may take the place of."""
    return Where(tenant, (Between("version", below=version),))


def point_id(tenant: Tenant, memory_id: UUID) -> UUID:
    """The id of a memory's point: two tenants never share one, whatever their memories' ids are."""
    return uuid5(_POINTS, f"{tenant.key}:{memory_id.hex}")


def by_version(points: Sequence[Point]) -> Iterator[tuple[int, Sequence[Point]]]:
    """What to store of points that are given at once, by version: of each memory the latest, of equals the first."""
    newest: dict[UUID, Point] = {}
    for each in sorted(points, key=lambda each: -each.version):
        newest.setdefault(each.memory_id, each)
    for version, group in groupby(newest.values(), key=lambda each: each.version):
        yield version, list(group)


def vectors(tenant: Tenant, point: Point, words: Words) -> Mapping[str, Vector | Sparse]:
    """The vectors of a point, without those that say nothing."""
    text, window = words.document(point.text), words.document(point.window_text)
    named: dict[str, Vector | Sparse] = {
        TEXT: point.dense,
        WINDOW: point.window,
        WORDS: {**own_terms(tenant, TEXT, text), **own_terms(tenant, WINDOW, window)},
    }
    return {name: vector for name, vector in named.items() if vector}


def own_terms(tenant: Tenant, part: str, weighed: Sparse) -> Sparse:
    """Number the words of a text or a window as nobody else's are.

    The engine keeps a list of points for each number. So it walks through the tenant's own points only, and
    through none twice; where lists meet by chance, the filter parts them.
    """
    own = int.from_bytes(blake2b(f"{tenant.key}:{part}".encode(), digest_size=TERM_BYTES).digest())
    return {term ^ own: weight for term, weight in weighed.items()}


def payload(tenant: Tenant, point: Point) -> Mapping[str, str | int]:
    """What is stored with a point: whose it is, and what is filtered by. No text."""
    session = {} if point.session_id is None else {"session": point.session_id.hex}
    return {
        "tenant": tenant.key,
        "memory_id": point.memory_id.hex,
        "version": point.version,
        "kind": point.kind.value,
        # an integer: the engine's binding takes True in a filter for 1, which no boolean equals
        "success": int(point.success),
        "created": microseconds(point.created_at),
        **session,
    }


def microseconds(moment: datetime) -> int:
    """A moment (UTC) as the index holds it: an exact integer."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def depth(limit: int) -> int:
    """How far down the rankings count for so many results."""
    return max(2 * limit, MIN_DEPTH)


def check(space: Space, *vectors: Vector) -> None:
    """Refuse what is no vector of a space; that it never comes here is the embedder's promise.

    Raises:
        ValueError: There is one.
    """
    for each in vectors:
        if len(each) != space.dimension or not all(map(isfinite, each)):
            raise ValueError(f"{len(each)} numbers are no vector of {space.name}")


def _rankings(tenant: Tenant, query: IndexQuery, words: Sparse, effort: int | None) -> Iterator[Ranking]:
    where = Where(tenant, tuple(_conditions(query)))
    # one more than counts, to see whether the last that counts has equals beyond
    limit = depth(query.limit) + 1
    for vector in DENSE:
        yield Ranking(vector, query.dense, where, limit, exact=query.exact, effort=effort)
    if words:
        for part in DENSE:
            terms = own_terms(tenant, part, words)
            yield Ranking(WORDS, terms, where, limit, corpus=Where(tenant), exact=query.exact)


def _conditions(query: IndexQuery) -> Iterator[Condition]:
    if query.session_id is not None:
        yield Equals("session", query.session_id.hex)
    if query.kind is not None:
        yield Equals("kind", query.kind.value)
    if query.success is not None:
        yield Equals("success", int(query.success))
    if query.since is not None or query.until is not None:
        yield Between("created", least=_bound(query.since), below=_bound(query.until))


def _bound(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)

"""The memory index of one process: compares with everything, ranks as the real one does, keeps nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from uuid import UUID

from domain.memory.ports import (
    IndexHit,
    IndexQuery,
    IndexUnavailable,
    Likeness,
    Point,
    Space,
    Tenant,
    Vector,
)
from persistence.qdrant import fusion, plan
from persistence.qdrant.bm25 import Bm25, Sparse


@dataclass(frozen=True, slots=True)
class _Held:
    """A point with its words weighed."""

    point: Point
    words: Sparse
    window_words: Sparse


class PlainMemoryIndex:
    """`MemoryIndex` for one process and few memories."""

    def __init__(self) -> None:
        self._words = Bm25()
        self._spaces: dict[Space, dict[Tenant, dict[UUID, _Held]]] = {}

    async def has(self, space: Space) -> bool:
        return space in self._spaces

    async def open(self, space: Space) -> bool:
        there = space in self._spaces
        self._spaces.setdefault(space, {})
        return there

    async def upsert(self, space: Space, tenant: Tenant, points: Sequence[Point]) -> None:
        held = self._of(space).setdefault(tenant, {})
        for each in points:
            plan.check(space, each.dense, each.window or each.dense)
            if each.memory_id not in held or held[each.memory_id].point.version < each.version:
                held[each.memory_id] = self._weighed(each)

    async def delete(self, space: Space, tenant: Tenant, memory_ids: Collection[UUID]) -> None:
        held = self._of(space).get(tenant, {})
        for each in memory_ids:
            held.pop(each, None)

    async def drop(self, space: Space, tenant: Tenant) -> None:
        self._of(space).pop(tenant, None)

    async def search(self, space: Space, tenant: Tenant, query: IndexQuery) -> Sequence[IndexHit]:
        plan.check(space, query.dense)
        held = self._of(space).get(tenant, {})
        rankings = self._rankings(held, query)
        scores = fusion.fused(fusion.heads(rankings, plan.depth(query.limit)))
        best = fusion.best(scores, query.limit)
        return [IndexHit(each, held[each].point.version, score) for each, score in best.items()]

    async def alike(self, space: Space, tenant: Tenant, dense: Vector, *, limit: int) -> Sequence[Likeness]:
        plan.check(space, dense)
        scores = _near(dense, self._of(space).get(tenant, {}).values(), lambda held: held.point.dense)
        return [Likeness(each, score) for each, score in fusion.best(scores, limit).items()]

    async def count(self, space: Space, tenant: Tenant | None = None) -> int:
        tenants = self._of(space)
        return sum(map(len, tenants.values())) if tenant is None else len(tenants.get(tenant, {}))

    async def remove(self, space: Space) -> None:
        self._spaces.pop(space, None)

    def _of(self, space: Space) -> dict[Tenant, dict[UUID, _Held]]:
        if space not in self._spaces:
            raise IndexUnavailable(f"The space {space.name} was never opened.")
        return self._spaces[space]

    def _weighed(self, point: Point) -> _Held:
        return _Held(point, self._words.document(point.text), self._words.document(point.window_text))

    def _rankings(self, held: Mapping[UUID, _Held], query: IndexQuery) -> Iterable[Mapping[UUID, float]]:
        meant = [each for each in held.values() if _meant(each.point, query)]
        words = self._words.query(query.text)
        yield _near(query.dense, meant, lambda each: each.point.dense)
        yield _near(query.dense, meant, lambda each: each.point.window)
        yield _told(words, meant, lambda each: each.words, corpus=held.values())
        yield _told(words, meant, lambda each: each.window_words, corpus=held.values())


def _meant(point: Point, query: IndexQuery) -> bool:
    return (
        (query.session_id is None or point.session_id == query.session_id)
        and (query.kind is None or point.kind is query.kind)
        and (query.success is None or point.success is query.success)
        and (query.since is None or point.created_at >= query.since)
        and (query.until is None or point.created_at < query.until)
    )


def _near(dense: Vector, held: Iterable[_Held], vector: Callable[[_Held], Vector]) -> Mapping[UUID, float]:
    """The cosine of each that has the vector."""
    return {each.point.memory_id: _cosine(dense, vector(each)) for each in held if vector(each)}


def _cosine(one: Vector, other: Vector) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(map(mul, one, other)) / lengths if lengths else 0.0


def _told(
    query: Sparse, held: Iterable[_Held], words: Callable[[_Held], Sparse], *, corpus: Collection[_Held]
) -> Mapping[UUID, float]:
    """The BM25 score of each that shares a word; a word's rarity is among the texts of the corpus."""
    texts = sum(1 for each in corpus if each.words or each.window_words)
    having = Counter(term for each in corpus for term in words(each) if term in query)
    rarity = {term: _rarity(texts, having[term]) for term in query}
    return {
        each.point.memory_id: sum(query[term] * weight * rarity[term] for term, weight in shared.items())
        for each in held
        if (shared := {term: weight for term, weight in words(each).items() if term in query})
    }


def _rarity(texts: int, having: int) -> float:
    """The inverse document frequency as Qdrant computes it: never negative."""
    return math.log((texts - having + 0.5) / (having + 0.5) + 1)

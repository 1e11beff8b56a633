"""An index and an embedder of a few lines: words are dimensions, and what is wrong with them is chosen by the test."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID
from zlib import crc32

from domain.memory.entities import Memory, MemoryKind, Provenance
from domain.memory.ports import (
    EmbeddingFailed,
    IndexHit,
    IndexQuery,
    IndexUnavailable,
    Likeness,
    Point,
    Space,
    Tenant,
    Vector,
)

DIMENSION = 64


class WordEmbedder:
    """Each word is a dimension, or shares one."""

    def __init__(self) -> None:
        self.space = Space("words", DIMENSION)
        self.label = "words"
        self.problem: str | None = None
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        if self.problem is not None:
            raise EmbeddingFailed(self.problem)
        self.asked += texts
        return [_vector(text) for text in texts]


class ListIndex:
    """Points in a dictionary; down when the test says so."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, Tenant, UUID], Point] = {}
        self.down = False
        self.searches = 0
        self.kept = True
        """Whether what was stored before is still there when it is opened next."""
        self.opened: list[bool] = []

    async def open(self, space: Space) -> bool:
        self._answer()
        self.opened.append(self.kept)
        return self.kept

    async def upsert(self, space: Space, tenant: Tenant, points: Sequence[Point]) -> None:
        self._answer()
        for point in points:
            known = self.points.get((space.name, tenant, point.memory_id))
            if known is None or known.version < point.version:
                self.points[space.name, tenant, point.memory_id] = point

    async def delete(self, space: Space, tenant: Tenant, memory_ids: Collection[UUID]) -> None:
        self._answer()
        for memory_id in memory_ids:
            self.points.pop((space.name, tenant, memory_id), None)

    async def drop(self, space: Space, tenant: Tenant) -> None:
        self._answer()
        await self.delete(space, tenant, [point.memory_id for point in self._of(space, tenant)])

    async def search(self, space: Space, tenant: Tenant, query: IndexQuery) -> Sequence[IndexHit]:
        self._answer()
        self.searches += 1
        found = [
            IndexHit(point.memory_id, point.version, score)
            for point in self._of(space, tenant)
            if _fits(point, query) and (score := _cosine(point.dense, query.dense)) > 0
        ]
        return sorted(found, key=lambda hit: (-hit.score, hit.memory_id))[: query.limit]

    async def alike(self, space: Space, tenant: Tenant, dense: Vector, *, limit: int) -> Sequence[Likeness]:
        self._answer()
        found = [Likeness(it.memory_id, _cosine(it.dense, dense)) for it in self._of(space, tenant)]
        return sorted(found, key=lambda it: (-it.cosine, it.memory_id))[:limit]

    async def count(self, space: Space, tenant: Tenant | None = None) -> int:
        self._answer()
        return len(self._of(space, tenant) if tenant else self.points)

    def _of(self, space: Space, tenant: Tenant) -> list[Point]:
        return [
            point for (name, whose, _), point in self.points.items() if (name, whose) == (space.name, tenant)
        ]

    def _answer(self) -> None:
        if self.down:
            raise IndexUnavailable("The memory index does not answer.")


def _fits(point: Point, query: IndexQuery) -> bool:
    return (
        query.session_id in {None, point.session_id}
        and query.kind in {None, point.kind}
        and query.success in {None, point.success}
        and (query.since is None or point.created_at >= query.since)
        and (query.until is None or point.created_at < query.until)
    )


def _vector(text: str) -> Vector:
    vector = [0.0] * DIMENSION
    for word in re.findall(r"\w+", text.lower()):
        vector[crc32(word.encode()) % DIMENSION] += 1.0
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [x / length for x in vector]


def _cosine(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def a_memory(memory_id: UUID, **changes: object) -> Memory:
    """A memory that nothing is special about, but for the changes."""
    memory = Memory(
        id=memory_id,
        project_id=UUID(int=0),
        agent_id=UUID(int=0),
        kind=MemoryKind.INTERACTION,
        text="Text",
        window="",
        success=True,
        importance=0.5,
        pinned=False,
        source=Provenance(),
        occurrences=1,
        uses=0,
        superseded_by=None,
        version=1,
        indexed_version=1,
        problem=None,
        created_at=datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
        last_used_at=None,
    )
    return replace(memory, **changes)  # type: ignore[arg-type]  # fields of the test's choice

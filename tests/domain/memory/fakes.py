"""An index and an embedder of a few lines: words are dimensions, and what is wrong with them is chosen by the test."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
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
    TextRefused,
    Vector,
)

DIMENSION = 64


class WordEmbedder:
    """Each word is a dimension, or shares one; which one is another matter for each model."""

    def __init__(self, model: str = "words") -> None:
        self.space = Space(model, DIMENSION)
        self.label = model
        self.problem: str | None = None
        self.never: str | None = None
        """A word: texts with it are refused."""
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        if self.problem is not None:
            raise EmbeddingFailed(self.problem)
        if self.never is not None and any(self.never in text for text in texts):
            raise TextRefused(f"The model {self.label} does not take this text.")
        self.asked += texts
        return [_vector(text, salt=self.label) for text in texts]


class ListIndex:
    """Points in a dictionary; down when the test says so."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, Tenant, UUID], Point] = {}
        self.down = False
        self.searches = 0
        self.names: set[str] = set()
        """The collections that were opened and not lost since."""
        self.removed: list[str] = []
        self.on_call: Callable[[], None] = lambda: None
        """Told of each call, and once more when one has stored something."""

    async def has(self, space: Space) -> bool:
        self._answer()
        return space.name in self.names

    async def open(self, space: Space) -> bool:
        there = await self.has(space)
        self.names.add(space.name)
        return there

    async def upsert(self, space: Space, tenant: Tenant, points: Sequence[Point]) -> None:
        self._answer(space)
        for point in points:
            known = self.points.get((space.name, tenant, point.memory_id))
            if known is None or known.version < point.version:
                self.points[space.name, tenant, point.memory_id] = point
        self.on_call()

    async def delete(self, space: Space, tenant: Tenant, memory_ids: Collection[UUID]) -> None:
        self._answer(space)
        for memory_id in memory_ids:
            self.points.pop((space.name, tenant, memory_id), None)

    async def drop(self, space: Space, tenant: Tenant) -> None:
        self._answer(space)
        await self.delete(space, tenant, [point.memory_id for point in self._of(space, tenant)])

    async def search(self, space: Space, tenant: Tenant, query: IndexQuery) -> Sequence[IndexHit]:
        self._answer(space)
        self.searches += 1
        found = [
            IndexHit(point.memory_id, point.version, score)
            for point in self._of(space, tenant)
            if _fits(point, query) and (score := _cosine(point.dense, query.dense)) > 0
        ]
        return sorted(found, key=lambda hit: (-hit.score, hit.memory_id))[: query.limit]

    async def alike(self, space: Space, tenant: Tenant, dense: Vector, *, limit: int) -> Sequence[Likeness]:
        self._answer(space)
        found = [Likeness(it.memory_id, _cosine(it.dense, dense)) for it in self._of(space, tenant)]
        return sorted(found, key=lambda it: (-it.cosine, it.memory_id))[:limit]

    async def count(self, space: Space, tenant: Tenant | None = None) -> int:
        self._answer(space)
        return len([key for key in self.points if key[0] == space.name and tenant in {None, key[1]}])

    async def remove(self, space: Space) -> None:
        self._answer()
        self.lose(space.name)
        self.removed.append(space.name)

    def lose(self, name: str) -> None:
        """A collection is not there any more."""
        self.names.discard(name)
        self.points = {key: point for key, point in self.points.items() if key[0] != name}

    def _of(self, space: Space, tenant: Tenant) -> list[Point]:
        return [
            point for (name, whose, _), point in self.points.items() if (name, whose) == (space.name, tenant)
        ]

    def _answer(self, space: Space | None = None) -> None:
        self.on_call()
        is_gone = space is not None and space.name in self.removed and space.name not in self.names
        if self.down or is_gone:
            raise IndexUnavailable("The memory index does not answer.")


def _fits(point: Point, query: IndexQuery) -> bool:
    return (
        query.session_id in {None, point.session_id}
        and query.kind in {None, point.kind}
        and query.success in {None, point.success}
        and (query.since is None or point.created_at >= query.since)
        and (query.until is None or point.created_at < query.until)
    )


def _vector(text: str, *, salt: str) -> Vector:
    vector = [0.0] * DIMENSION
    for word in re.findall(r"\w+", text.lower()):
        vector[crc32(f"{salt} {word}".encode()) % DIMENSION] += 1.0
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

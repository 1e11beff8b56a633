"""Memories made up for measuring: vectors in clusters, texts of random words, tenants of very different size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from domain.memory.entities import MemoryKind
from domain.memory.ports import IndexQuery, Point, Space, Tenant

SEED = 11
TOP = 5
CALL = 32
"""Points of one tenant that are told at once."""
_SMALL, _SHARE = 10_000, 10
_CLUSTERS, _SPREAD = 200, 0.7
"""Uniform vectors would all be equally far from each other, which those of texts are not."""
_WORDS, _IN_TEXT, _IN_QUERY = 20_000, 20, 6
_DECIMALS = 7
_ANOTHER = 2**64
_WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)


Call = tuple[Tenant, Sequence[Point]]


@dataclass(frozen=True, slots=True)
class Size:
    """How many points of how many numbers."""

    points: int
    dimension: int

    @classmethod
    def of(cls, text: str) -> Size:
        """Read `100000x384`.

        Raises:
            ValueError: It is written otherwise.
        """
        points, _, dimension = text.partition("x")
        return cls(int(points), int(dimension))

    @property
    def label(self) -> str:
        """As it stands in tables."""
        return f"{self.points:,} x {self.dimension}"

    @property
    def small(self) -> int:
        """How many points a small tenant has."""
        return min(_SMALL, self.points // _SHARE)

    @property
    def space(self) -> Space:
        """Where they are stored."""
        return Space("measured", self.dimension)


class World:
    """The same points and queries for the same size. One tenant owns half of the points, the others are small."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.half = _tenant(0)
        self.small = [_tenant(number) for number in range(1, 1 + size.points // 2 // size.small)]
        self._random = Random(SEED)
        self._numbers = np.random.default_rng(SEED)
        self._centres = self._numbers.normal(size=(_CLUSTERS, size.dimension)).astype(np.float32)

    def calls(self) -> Iterator[Call]:
        """What to upsert, tenants in turn."""
        shares = [(self.half, self.size.points // 2), *((each, self.size.small) for each in self.small)]
        parts = [
            (tenant, min(CALL, share - start)) for tenant, share in shares for start in range(0, share, CALL)
        ]
        self._random.shuffle(parts)
        first = 0
        for tenant, number in parts:
            yield tenant, self._points(first, number)
            first += number

    def more(self, number: int) -> Iterator[Call]:
        """What to upsert besides, so many points of another tenant."""
        for start in range(0, number, CALL):
            yield _tenant(_ANOTHER), self._points(self.size.points + start, min(CALL, number - start))

    def queries(self, number: int, *, limit: int = TOP) -> list[IndexQuery]:
        """What to look for; filtered by success, as recall does."""
        return [
            IndexQuery(self._text(_IN_QUERY), vector, limit=limit, success=True)
            for vector in self._vectors(number)
        ]

    def _points(self, start: int, number: int) -> list[Point]:
        vectors = zip(self._vectors(number), self._vectors(number), strict=True)
        return [
            Point(
                memory_id=UUID(int=start + place + 1),
                version=1,
                text=self._text(_IN_TEXT),
                dense=dense,
                kind=MemoryKind.INTERACTION,
                success=True,
                created_at=_WRITTEN,
                window_text=self._text(2 * _IN_TEXT),
                window=window,
            )
            for place, (dense, window) in enumerate(vectors)
        ]

    def _vectors(self, number: int) -> list[list[float]]:
        chosen = self._numbers.integers(0, _CLUSTERS, number)
        noise = self._numbers.normal(scale=_SPREAD, size=(number, self.size.dimension))
        vectors: NDArray[np.float64] = self._centres[chosen] + noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return [[float(each) for each in row] for row in vectors.round(_DECIMALS)]

    def _text(self, words: int) -> str:
        # frequencies as in texts: few words are common, most are rare
        return " ".join(f"w{int(_WORDS ** self._random.random())}" for _ in range(words))


def _tenant(number: int) -> Tenant:
    return Tenant(UUID(int=number), UUID(int=number), UUID(int=number))

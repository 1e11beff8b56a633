"""Tenants, points and queries as the suites of the index need them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, TypeVar
from uuid import UUID, uuid4

from domain.memory.entities import MemoryKind
from domain.memory.ports import IndexQuery, MemoryIndex, Point, Space, Tenant

T = TypeVar("T")
SPACE = Space("made/up", 8)
START = datetime(2026, 3, 1, tzinfo=UTC)
WORDS = ("coffee", "tea", "bicycle", "letter", "piano", "winter", "кофе", "горы", "письмо", "зима", "ёлка")


def a_tenant() -> Tenant:
    return Tenant(uuid4(), uuid4(), uuid4())


def unit(*numbers: float, dimension: int = SPACE.dimension) -> list[float]:
    """A vector of length 1, filled up with zeros."""
    length = math.hypot(*numbers)
    return [each / length for each in numbers] + [0.0] * (dimension - len(numbers))


def a_point(text: str = "coffee", dense: Sequence[float] | None = None, **changes: Any) -> Point:
    point = Point(
        memory_id=uuid4(),
        version=1,
        text=text,
        dense=unit(1.0) if dense is None else dense,
        kind=MemoryKind.INTERACTION,
        success=True,
        created_at=START,
    )
    return replace(point, **changes)


def a_query(text: str = "coffee", dense: Sequence[float] | None = None, **changes: Any) -> IndexQuery:
    return replace(IndexQuery(text, unit(1.0) if dense is None else dense), **changes)


async def stored(index: MemoryIndex, tenant: Tenant) -> list[UUID]:
    """All that a tenant has, looked at one by one: a graph's search may miss what has lost its neighbours."""
    everything = a_query(limit=1_000_000, exact=True)
    return [each.memory_id for each in await index.search(SPACE, tenant, everything)]


@cache
def _exact_vectors(number: int = 500) -> list[list[float]]:
    """Vectors of length 1 that half precision holds exactly, so that engines have nothing to differ by."""
    random, found = Random(1), list[list[float]]()
    while len(found) < number:
        eighths = [random.randint(-4, 4) for _ in range(SPACE.dimension)]
        if sum(each**2 for each in eighths) == 8**2:
            found.append([each / 8 for each in eighths])
    return found


class Chance:
    """Points and queries of a seeded world in which words and vectors repeat, so that there are ties."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._sessions = [self._id() for _ in range(3)]

    def point(self) -> Point:
        window = self._random.random() < 0.6
        return Point(
            memory_id=self._id(),
            version=self._random.randint(1, 3),
            text=self._text(),
            dense=self._vector(),
            kind=self._random.choice(list(MemoryKind)),
            success=self._random.random() < 0.7,
            created_at=self._moment(),
            session_id=self._random.choice([None, *self._sessions]),
            window_text=self._text() if window else "",
            window=self._vector() if window else (),
        )

    def query(self, *, exact: bool = True) -> IndexQuery:
        return IndexQuery(
            text=self._random.choice([self._text(), self._text(), "", "!?", "the"]),
            dense=self._vector(),
            limit=self._random.choice([1, 5, 30]),
            session_id=self._rarely(self._random.choice(self._sessions)),
            kind=self._rarely(self._random.choice(list(MemoryKind))),
            success=self._rarely(self._random.random() < 0.5),
            since=self._rarely(self._moment()),
            until=self._rarely(self._moment()),
            exact=exact,
        )

    def _rarely(self, value: T) -> T | None:
        return value if self._random.random() < 0.2 else None

    def _id(self) -> UUID:
        return UUID(int=self._random.getrandbits(128))

    def _text(self) -> str:
        return " ".join(self._random.choices(WORDS, k=self._random.randint(1, 6)))

    def _vector(self) -> list[float]:
        return list(self._random.choice(_exact_vectors()))

    def _moment(self) -> datetime:
        return START + timedelta(microseconds=self._random.randrange(10**9))

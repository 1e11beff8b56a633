"""Measuring the memory index changes nothing and misses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.memory.entities import MemoryKind
from domain.memory.ports import IndexQuery, IndexUnavailable, Point, Space, Tenant
from graphql_api.app.metrics import Metrics
from graphql_api.app.observed_index import ObservedIndex
from tests.domain.memory.fakes import DIMENSION, ListIndex

SPACE = Space("words", DIMENSION)
TENANT = Tenant(UUID(int=1), UUID(int=2), UUID(int=3))
MEMORY = UUID(int=4)
DENSE = [1.0] + [0.0] * (DIMENSION - 1)
POINT = Point(MEMORY, 1, "text", DENSE, MemoryKind.NOTE, True, datetime(2026, 1, 1, tzinfo=UTC))


def _observed(index: ListIndex, metrics: Metrics) -> ObservedIndex:
    ticks: Iterator[float] = iter(range(100))
    return ObservedIndex(index, metrics=metrics, monotonic=lambda: next(ticks))


def _calls(metrics: Metrics, call: str, *, answered: bool = True) -> float:
    labels = {"call": call, "answered": str(answered).lower()}
    return metrics.registry.get_sample_value("codelab_memory_index_seconds_sum", labels) or 0.0


async def test_each_call_is_handed_on_and_timed() -> None:
    metrics, inner = Metrics(version="1"), ListIndex()
    index = _observed(inner, metrics)

    assert not await index.open(SPACE)
    assert await index.has(SPACE)
    await index.upsert(SPACE, TENANT, [POINT])
    (hit,) = await index.search(SPACE, TENANT, IndexQuery("text", DENSE))
    (likeness,) = await index.alike(SPACE, TENANT, DENSE, limit=5)
    counts = await index.count(SPACE), await index.count(SPACE, TENANT)
    await index.delete(SPACE, TENANT, [MEMORY])
    await index.drop(SPACE, TENANT)
    await index.remove(SPACE)

    assert (hit.memory_id, likeness.memory_id, counts) == (MEMORY, MEMORY, (1, 1))
    assert not inner.points
    assert inner.removed == [SPACE.name]
    assert _calls(metrics, "count") == 2
    for call in ("has", "open", "remove", "upsert", "search", "alike", "delete", "drop"):
        assert _calls(metrics, call) == 1


async def test_a_call_that_is_not_answered_is_told_apart() -> None:
    metrics, inner = Metrics(version="1"), ListIndex()
    inner.down = True

    with pytest.raises(IndexUnavailable):
        await _observed(inner, metrics).search(SPACE, TENANT, IndexQuery("text", DENSE))

    assert _calls(metrics, "search", answered=False) == 1
    assert _calls(metrics, "search") == 0

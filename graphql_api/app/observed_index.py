"""Where the memory index is measured: it wraps the port and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from domain.memory.ports import (
        IndexHit,
        IndexQuery,
        Likeness,
        MemoryIndex,
        Point,
        Space,
        Tenant,
        Vector,
    )
    from graphql_api.app.metrics import Metrics


class ObservedIndex:
    """Times each call and says whether it was answered; see the port `MemoryIndex`."""

    def __init__(self, index: MemoryIndex, *, metrics: Metrics, monotonic: Callable[[], float]) -> None:
        self._index = index
        self._metrics = metrics
        self._monotonic = monotonic

    async def has(self, space: Space) -> bool:
        with self._timed("has"):
            return await self._index.has(space)

    async def open(self, space: Space) -> bool:
        with self._timed("open"):
            return await self._index.open(space)

    async def upsert(self, space: Space, tenant: Tenant, points: Sequence[Point]) -> None:
        with self._timed("upsert"):
            await self._index.upsert(space, tenant, points)

    async def delete(self, space: Space, tenant: Tenant, memory_ids: Collection[UUID]) -> None:
        with self._timed("delete"):
            await self._index.delete(space, tenant, memory_ids)

    async def drop(self, space: Space, tenant: Tenant) -> None:
        with self._timed("drop"):
            await self._index.drop(space, tenant)

    async def search(self, space: Space, tenant: Tenant, query: IndexQuery) -> Sequence[IndexHit]:
        with self._timed("search"):
            return await self._index.search(space, tenant, query)

    async def alike(self, space: Space, tenant: Tenant, dense: Vector, *, limit: int) -> Sequence[Likeness]:
        with self._timed("alike"):
            return await self._index.alike(space, tenant, dense, limit=limit)

    async def count(self, space: Space, tenant: Tenant | None = None) -> int:
        with self._timed("count"):
            return await self._index.count(space, tenant)

    async def remove(self, space: Space) -> None:
        with self._timed("remove"):
            await self._index.remove(space)

    @contextmanager
    def _timed(self, call: str) -> Iterator[None]:
        began, answered = self._monotonic(), False
        try:
            yield
            answered = True
        finally:
            self._metrics.observe_memory(call, self._monotonic() - began, answered)

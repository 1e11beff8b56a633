"""The memory index in a process of this machine, behind the port."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import cast
from uuid import UUID

from domain.memory.ports import (
    IndexHit,
    IndexQuery,
    IsolationViolation,
    Likeness,
    Point,
    Space,
    Tenant,
    Vector,
)
from persistence.qdrant import plan, wire
from persistence.qdrant.process import IndexProcess

NUMBERS = 12_288
"""Numbers of vectors in one call: to check and to write them takes a millisecond, in which nothing else goes on."""


class EdgeMemoryIndex:
    """`MemoryIndex` on the embedded engine.

    Args:
        process: Started and ended by the caller.
        on_violation: Told of an answer that belonged to somebody else, which is never returned.
        search_s: How long a search may take, in seconds.
        write_s: How long anything else may take.
    """

    def __init__(
        self,
        process: IndexProcess,
        *,
        on_violation: Callable[[], None],
        search_s: float = plan.SEARCH_S,
        write_s: float = plan.WRITE_S,
    ) -> None:
        self._process = process
        self._on_violation = on_violation
        self._search_s = search_s
        self._write_s = write_s

    async def has(self, space: Space) -> bool:
        return cast("bool", await self._ask("has", space, None, timeout_s=self._write_s))

    async def open(self, space: Space) -> bool:
        return cast("bool", await self._ask("open", space, None, timeout_s=self._write_s))

    async def upsert(self, space: Space, tenant: Tenant, points: Sequence[Point]) -> None:
        step = max(1, min(plan.CHUNK, NUMBERS // (2 * space.dimension)))
        for start in range(0, len(points), step):
            chunk = points[start : start + step]
            for point in chunk:
                plan.check(space, point.dense, point.window or point.dense)
            await self._ask("upsert", space, tenant, timeout_s=self._write_s, points=chunk)

    async def delete(self, space: Space, tenant: Tenant, memory_ids: Collection[UUID]) -> None:
        if memory_ids:
            await self._ask("delete", space, tenant, timeout_s=self._write_s, memory_ids=list(memory_ids))

    async def drop(self, space: Space, tenant: Tenant) -> None:
        await self._ask("drop", space, tenant, timeout_s=self._write_s)

    async def search(self, space: Space, tenant: Tenant, query: IndexQuery) -> Sequence[IndexHit]:
        plan.check(space, query.dense)
        found = await self._ask("search", space, tenant, timeout_s=self._search_s, query=query)
        return wire.hits(cast("Sequence[wire.Message]", found))

    async def alike(self, space: Space, tenant: Tenant, dense: Vector, *, limit: int) -> Sequence[Likeness]:
        plan.check(space, dense)
        found = await self._ask("alike", space, tenant, timeout_s=self._search_s, dense=dense, limit=limit)
        return wire.likenesses(cast("Sequence[wire.Message]", found))

    async def count(self, space: Space, tenant: Tenant | None = None) -> int:
        return cast("int", await self._ask("count", space, tenant, timeout_s=self._write_s))

    async def optimise(self, space: Space) -> bool:
        """Begin to build the graphs of a space now rather than when it is worth it; False while that goes on."""
        return cast("bool", await self._ask("optimise", space, None, timeout_s=self._write_s))

    async def stage(self, space: Space) -> tuple[str, int]:
        """How far the building of graphs is (`IDLE`: it is not under way), and how many points wait for it."""
        told = cast("wire.Message", await self._ask("stage", space, None, timeout_s=self._write_s))
        return told["stage"], told["unoptimised"]

    async def remove(self, space: Space) -> None:
        await self._ask("remove", space, None, timeout_s=self._write_s)

    async def _ask(
        self, deed: str, space: Space, tenant: Tenant | None, *, timeout_s: float, **arguments: object
    ) -> object:
        try:
            return await self._process.ask(
                deed, {"space": space, "tenant": tenant, **arguments}, timeout_s=timeout_s
            )
        except IsolationViolation:
            self._on_violation()
            raise

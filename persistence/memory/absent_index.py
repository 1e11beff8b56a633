"""The memory index of a deployment that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.memory.ports import IndexUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from domain.memory.ports import IndexHit, IndexQuery, Likeness, Point, Space, Tenant, Vector

NONE = "There is no memory index in this deployment."


class AbsentIndex:
    """No index: nothing is found, and what it should hear waits in the outbox until there is one."""

    async def has(self, space: Space) -> bool:
        """Nothing is missing."""
        del space
        return True

    async def open(self, space: Space) -> bool:
        """Nothing to open."""
        del space
        return True

    async def upsert(self, space: Space, tenant: Tenant, points: Sequence[Point]) -> None:
        """Refuse."""
        del space, tenant, points
        raise IndexUnavailable(NONE)

    async def delete(self, space: Space, tenant: Tenant, memory_ids: Collection[UUID]) -> None:
        """Refuse."""
        del space, tenant, memory_ids
        raise IndexUnavailable(NONE)

    async def drop(self, space: Space, tenant: Tenant) -> None:
        """Refuse."""
        del space, tenant
        raise IndexUnavailable(NONE)

    async def search(self, space: Space, tenant: Tenant, query: IndexQuery) -> Sequence[IndexHit]:
        """Find nothing."""
        del space, tenant, query
        return ()

    async def alike(self, space: Space, tenant: Tenant, dense: Vector, *, limit: int) -> Sequence[Likeness]:
        """Find nothing."""
        del space, tenant, dense, limit
        return ()

    async def count(self, space: Space, tenant: Tenant | None = None) -> int:
        """None."""
        del space, tenant
        return 0

    async def remove(self, space: Space) -> None:
        """Nothing to remove."""
        del space

"""Which points of a shard changed since it was copied."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from domain.memory.ports import Tenant

MAX_POINTS = 200_000
"""Some 30 MB. What changed more than that is copied again rather than followed."""


class Journal:
    """Points and tenants, not what was done to them: that is read from the shard, so that each is told once.

    Args:
        max_points: How many it holds.
    """

    def __init__(self, *, max_points: int = MAX_POINTS) -> None:
        self._max_points = max_points
        self._points = set[UUID]()
        self._dropped = set[Tenant]()
        self.is_over = False

    @property
    def is_empty(self) -> bool:
        """Whether all that changed was taken."""
        return not (self._points or self._dropped)

    def changed(self, points: Collection[UUID]) -> None:
        """Note points that were written or deleted; past the bound the journal is over and keeps nothing."""
        self._points.update(points)
        self._bound()

    def dropped(self, tenant: Tenant) -> None:
        """Note that all points of a tenant were deleted."""
        self._dropped.add(tenant)
        self._bound()

    def take(self, limit: int) -> tuple[Collection[Tenant], Sequence[UUID]]:
        """Whom to forget first, and up to so many points to look at then."""
        tenants, self._dropped = self._dropped, set()
        return tenants, [self._points.pop() for _ in range(min(limit, len(self._points)))]

    def _bound(self) -> None:
        if self.is_over or len(self._points) + len(self._dropped) > self._max_points:
            self.is_over = True
            self._points.clear()
            self._dropped.clear()

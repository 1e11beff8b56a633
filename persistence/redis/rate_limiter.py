"""The rate limiter that all processes share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import cast

from domain.limits.ports import Allowance, Quota
from persistence.redis import scripts
from persistence.redis.connection import RedisStore, StoredScript, StoreLost

_MICROSECOND = timedelta(microseconds=1)


class RedisRateLimiter:
    """`RateLimiter` on Redis' own clock: GCRA in whole microseconds, one script a call.

    A lost store lets every caller through: limits protect the service from its users, and users from
    waiting for Redis.

    Args:
        store: Opened by the caller.
        on_open: Called for each attempt that was let through unchecked.
    """

    def __init__(self, store: RedisStore, *, on_open: Callable[[], None] = lambda: None) -> None:
        self._take = StoredScript(store, "take_quota", scripts.TAKE)
        self._on_open = on_open

    async def take(self, key: str, quota: Quota, *, cost: int = 1) -> Allowance:
        unit_us = max(1, quota.period // _MICROSECOND // quota.limit)
        try:
            answer = await self._take.run([f"codelab:rate:{key}"], unit_us, quota.limit, cost)
        except StoreLost:
            self._on_open()
            return Allowance(quota.limit, quota.limit, 0.0)
        used_us, over_us = cast("list[int]", answer)
        left = max(0, quota.limit - -(-used_us // unit_us))
        return Allowance(quota.limit, left, used_us / 1e6, over_us / 1e6 if over_us else None)

    async def peek(self, key: str, quota: Quota) -> Allowance:
        return await self.take(key, quota, cost=0)

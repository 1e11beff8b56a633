"""The rate limiter of one process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta

from domain.limits.ports import Allowance, Quota

MAX_KEYS = 100_000
"""Keys remembered at once; beyond that the one charged longest ago gets its full burst again."""
_MICROSECOND = timedelta(microseconds=1)


class MemoryRateLimiter:
    """`RateLimiter` for one process: GCRA in whole microseconds.

    For each key it keeps the theoretical arrival time: when the burst will be whole again.

    Args:
        monotonic_s: The clock, in seconds.
        max_keys: Keys remembered at once.
    """

    def __init__(self, *, monotonic_s: Callable[[], float], max_keys: int = MAX_KEYS) -> None:
        self._now_s = monotonic_s
        self._max_keys = max_keys
        self._whole_at_us: OrderedDict[str, int] = OrderedDict()

    @property
    def keys(self) -> int:
        """How many keys are remembered."""
        return len(self._whole_at_us)

    async def take(self, key: str, quota: Quota, *, cost: int = 1) -> Allowance:
        now_us = self._now_us()
        allowance, whole_at_us = _charge(self._whole_at_us.get(key, 0), now_us, quota, cost)
        if allowance.allowed and cost:
            self._remember(key, whole_at_us, now_us)
        return allowance

    async def peek(self, key: str, quota: Quota) -> Allowance:
        return _charge(self._whole_at_us.get(key, 0), self._now_us(), quota, 0)[0]

    def _now_us(self) -> int:
        return int(self._now_s() * 1_000_000)

    def _remember(self, key: str, whole_at_us: int, now_us: int) -> None:
        self._whole_at_us[key] = whole_at_us
        self._whole_at_us.move_to_end(key)
        while True:
            oldest, its_us = next(iter(self._whole_at_us.items()))
            if len(self._whole_at_us) <= self._max_keys and its_us > now_us:
                break
            del self._whole_at_us[oldest]


def _charge(whole_at_us: int, now_us: int, quota: Quota, cost: int) -> tuple[Allowance, int]:
    """Try to charge; the allowance, and when the burst is whole again after it."""
    unit_us = max(1, quota.period // _MICROSECOND // quota.limit)
    burst_us = unit_us * quota.limit
    before_us = max(whole_at_us, now_us)
    after_us = before_us + unit_us * cost
    over_us = after_us - now_us - burst_us
    if over_us > 0:
        left = max(0, (burst_us - (before_us - now_us)) // unit_us)
        return Allowance(quota.limit, left, (before_us - now_us) / 1e6, over_us / 1e6), before_us
    return Allowance(quota.limit, -over_us // unit_us, (after_us - now_us) / 1e6), after_us

"""The port to the rate limiter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` cost units in any `period`, refilled evenly (GCRA: a burst of `limit` is allowed)."""

    limit: int
    period: timedelta


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after an attempt; `retry_after_s` is set exactly when the attempt was refused."""

    limit: int
    remaining: int
    resets_after_s: float
    retry_after_s: float | None = None

    @property
    def allowed(self) -> bool:
        """Whether the attempt may go on."""
        return self.retry_after_s is None


class RateLimiter(Protocol):
    """Counts cost per key against a quota, over all processes."""

    async def take(self, key: str, quota: Quota, *, cost: int = 1) -> Allowance:
        """Charge `cost` or refuse without charging. A lost store lets the caller through (fail open)."""

    async def peek(self, key: str, quota: Quota) -> Allowance:
        """What `take` would leave, without charging."""

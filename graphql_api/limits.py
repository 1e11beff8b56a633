"""The rate limit of operations: per user, and per address for those who are not signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from domain.identity.throttle import subject_of_ip
from domain.limits.ports import Allowance, Quota, RateLimiter

if TYPE_CHECKING:
    from domain.identity.entities import Principal
    from graphql_api.transport.ports import OperationInfo


class RateGate:
    """Charges each operation's cost to whoever asks (spec S9: 100 a minute)."""

    def __init__(self, limiter: RateLimiter, *, per_minute: int) -> None:
        self._limiter = limiter
        self._quota = Quota(per_minute, timedelta(minutes=1))

    async def admit(
        self, operation: OperationInfo, *, principal: Principal | None, client_ip: str
    ) -> Allowance:
        """What is left, or a refusal with the time to wait."""
        who = f"user:{principal.user_id}" if principal else f"ip:{subject_of_ip(client_ip)}"
        return await self._limiter.take(f"operations:{who}", self._quota, cost=operation.cost)

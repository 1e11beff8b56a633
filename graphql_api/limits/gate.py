"""The rate limit of operations: per user, and per address for those who are not signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from domain.limits.ports import Allowance, Quota, RateLimiter
from graphql_api.transport.clients import subject

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
        key = f"operations:{subject(principal, client_ip)}"
        return await self._limiter.take(key, self._quota, cost=operation.cost)

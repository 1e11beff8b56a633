"""Limits on attempts, whose delays grow with persistence."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from datetime import timedelta

from domain.errors import LimitExceeded
from domain.limits.ports import Quota, RateLimiter

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

LOG_IN_PER_IP = (Quota(10, _MINUTE), Quota(60, _HOUR), Quota(300, _DAY))
"""Refused attempts wait for 6 seconds at first, then for a minute, then for about five."""
LOG_IN_PER_EMAIL = (Quota(5, _MINUTE), Quota(20, _HOUR), Quota(50, _DAY))
"""12 seconds, three minutes, half an hour."""
REGISTER_PER_IP = (Quota(10, _MINUTE), Quota(30, _HOUR), Quota(100, _DAY))
REFRESH_PER_IP = (Quota(120, _MINUTE), Quota(2_000, _HOUR))
"""Only against floods: a refresh token can't be guessed."""
CHANGE_PASSWORD_PER_USER = (Quota(5, _MINUTE), Quota(20, _HOUR))


class Throttle:
    """Admits attempts of one kind. Several quotas of growing length make the delay grow with each burst."""

    def __init__(self, limiter: RateLimiter, *, kind: str, quotas: Sequence[Quota]) -> None:
        self._limiter = limiter
        self._kind = kind
        self._quotas = tuple(quotas)

    async def admit(self, subject: str) -> None:
        """Count one attempt of a subject. Refused ones do not count: the fullest quota is asked first.

        Raises:
            LimitExceeded: with the time until the next attempt makes sense.
        """
        keys = {quota: f"{self._kind}:{quota.period.total_seconds():.0f}:{subject}" for quota in self._quotas}
        left = {quota: (await self._limiter.peek(key, quota)).remaining for quota, key in keys.items()}
        for quota in sorted(keys, key=lambda quota: (left[quota], -quota.period)):
            allowance = await self._limiter.take(keys[quota], quota)
            if not allowance.allowed:
                message = "Too many attempts. Wait a little and try again."
                raise LimitExceeded(message, limit=quota.limit, retry_after_s=allowance.retry_after_s)


def subject_of_ip(client_ip: str) -> str:
    """Who an address stands for: an IPv6 customer has at least a /64 of them."""
    try:
        address = ipaddress.ip_address(client_ip)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False).network_address)


def subject_of_email(email_folded: str) -> str:
    """A name for an address that does not tell it."""
    return hashlib.sha256(email_folded.encode("utf-8", "surrogatepass")).hexdigest()[:32]

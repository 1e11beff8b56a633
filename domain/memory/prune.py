"""Keeping memories within their limit: the least valuable go, a few at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from domain.memory.entities import DEFAULT_LIMIT
from domain.memory.hints import wake
from domain.memory.ports import Tenant, Tenants
from domain.memory.rebuild import every
from domain.scopes import Scopes, UserTx

log = logging.getLogger("codelab.memory")

BEGIN = 0.9
"""How full a memory is when it is pruned (of its limit)."""
END = 0.85
"""How full it is afterwards."""
BATCH = 200
"""Memories forgotten in one transaction."""


class Prune:
    """Prunes every agent's memory. `pruned` is told how many went; the log tells it once for each agent."""

    def __init__(
        self,
        *,
        tenants: Tenants,
        scopes: Scopes,
        limit: int = DEFAULT_LIMIT,
        pruned: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._tenants = tenants
        self._scopes = scopes
        self._limit = limit
        self._pruned = pruned

    async def __call__(self) -> int:
        """Prune what is nearly full; returns how many memories went.

        Raises:
            Unavailable: the database does not answer; what went is gone.
        """
        return sum([await self._prune(tenant) async for tenant in every(self._tenants)])

    async def _prune(self, tenant: Tenant) -> int:
        scope, gone = self._scopes.open(tenant.user_id), 0
        if await scope.read_once(partial(_count, tenant=tenant)) < BEGIN * self._limit:
            return 0
        # counted again each time: others may prune the same memory
        while (excess := await scope.read_once(partial(_count, tenant=tenant)) - int(END * self._limit)) > 0:
            forgotten = await scope.write(partial(_forget, tenant=tenant, most=min(excess, BATCH)))
            if not forgotten:
                break  # all that is left is pinned
            gone += forgotten
        if gone:
            self._pruned(gone)
            told = {"agent_id": str(tenant.agent_id), "count": gone, "limit": self._limit}
            log.info("a memory was pruned", extra=told)
        return gone


def _count(tx: UserTx, *, tenant: Tenant) -> int:
    return tx.project(tenant.project_id).memories.count(tenant.agent_id)


def _forget(tx: UserTx, *, tenant: Tenant, most: int) -> int:
    p = tx.project(tenant.project_id)
    count = p.memories.forget(p.memories.least_valuable(tenant.agent_id, limit=most))
    if count:
        wake(p)
    return count

"""Keeping memories within their limit: the least valuable go, a few at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from domain.bus.claim import agent_changed
from domain.memory.entities import DEFAULT_LIMIT
from domain.memory.hints import wake
from domain.memory.ports import Tenant, Tenants
from domain.memory.rebuild import every
from domain.scopes import HintCommitted, Scopes, UserTx

log = logging.getLogger("codelab.memory")

BEGIN = 0.9
"""How full a memory is when it is pruned (of its limit)."""
END = 0.85
"""How full it is afterwards."""
CHOSEN = 5_000
"""Memories looked for at once."""
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
        choose = partial(_chosen, tenant=tenant, end=int(END * self._limit))
        while chosen := await scope.read_once(choose):
            batches = [chosen[start : start + BATCH] for start in range(0, len(chosen), BATCH)]
            went = sum([await scope.write(partial(_forget, tenant=tenant, ids=each)) for each in batches])
            if not went:
                break  # others were faster: they go on
            gone += went
        if gone:
            self._pruned(gone)
            told = {"agent_id": str(tenant.agent_id), "count": gone, "limit": self._limit}
            log.info("a memory was pruned", extra=told)
        return gone


def _count(tx: UserTx, *, tenant: Tenant) -> int:
    return tx.project(tenant.project_id).memories.count(tenant.agent_id)


def _chosen(tx: UserTx, *, tenant: Tenant, end: int) -> Sequence[UUID]:
    """The next to go. They are looked for where nobody waits: all that the agent has is sorted."""
    rows = tx.project(tenant.project_id).memories
    excess = rows.count(tenant.agent_id) - end
    return rows.least_valuable(tenant.agent_id, limit=min(excess, CHOSEN)) if excess > 0 else ()


def _forget(tx: UserTx, *, tenant: Tenant, ids: Sequence[UUID]) -> int:
    p = tx.project(tenant.project_id)
    if count := p.memories.prune(ids):
        wake(p)
        p.announce(HintCommitted(f"project:{tx.user_id}:{p.project_id}", agent_changed(tenant.agent_id)))
    return count

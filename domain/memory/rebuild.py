"""Telling the index everything anew: it was damaged, or its space is a new one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID

from domain.memory.hints import wake
from domain.memory.ports import Tenant, Tenants
from domain.scopes import Scopes, UserTx

AGENTS = 100
"""Agents looked up at once."""
BATCH = 200
"""Memories told in one transaction."""


class Rebuild:
    """Puts every memory into the outbox; the index's writers do the rest. It may be begun again at any time."""

    def __init__(self, *, tenants: Tenants, scopes: Scopes) -> None:
        self._tenants = tenants
        self._scopes = scopes

    async def __call__(self) -> None:
        """Tell all agents' memories.

        Raises:
            Unavailable: the database does not answer; what was told is told.
        """
        async for tenant in every(self._tenants):
            scope, last = self._scopes.open(tenant.user_id), None
            while last := await scope.write(partial(_retell, tenant=tenant, after=last)):
                pass


async def every(tenants: Tenants) -> AsyncIterator[Tenant]:
    """All agents, a few at a time."""
    after: Tenant | None = None
    while found := await tenants.tenants(after=after, limit=AGENTS):
        for tenant in found:
            yield tenant
        after = found[-1]


def _retell(tx: UserTx, *, tenant: Tenant, after: UUID | None) -> UUID | None:
    p = tx.project(tenant.project_id)
    last = p.memories.retell(tenant.agent_id, after=after, limit=BATCH)
    if last is not None:
        wake(p)
    return last

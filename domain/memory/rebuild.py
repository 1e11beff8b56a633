"""Telling the index everything anew, a few memories at a time, so that what is new never waits behind what is old."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from domain.memory.hints import wake
from domain.memory.ports import Tenant, Tenants
from domain.scopes import Scopes, UserTx

AGENTS = 100
"""Agents looked up at once."""
BATCH = 200
"""Memories told in one transaction."""


@dataclass(frozen=True, slots=True)
class Told:
    """How far telling came: a position that it can go on from, and how many memories were told on the way."""

    position: str
    count: int


class Rebuild:
    """Puts memories into the outbox, in a fixed order; the index's writers do the rest."""

    def __init__(self, *, tenants: Tenants, scopes: Scopes) -> None:
        self._tenants = tenants
        self._scopes = scopes

    async def count(self) -> int:
        """How many memories there are.

        Raises:
            Unavailable: the database does not answer.
        """
        return sum([await self._count(tenant) async for tenant in every(self._tenants)])

    async def tell(self, position: str, *, lost: bool) -> Told | None:
        """Tell the next few behind a position ("" is the beginning); None when there are no more.

        Raises:
            Unavailable: the database does not answer; it can be tried again from the same position.
        """
        agent, last = _read(position)
        if agent is not None and last is not None and (told := await self._tell(agent, last, lost=lost)):
            return told
        agents = await self._tenants.tenants(after=agent, limit=AGENTS)
        for each in agents:
            if told := await self._tell(each, None, lost=lost):
                return told
        return Told(_position(agents[-1], None), 0) if agents else None

    async def _count(self, tenant: Tenant) -> int:
        scope = self._scopes.open(tenant.user_id)
        return await scope.read_once(lambda tx: tx.project(tenant.project_id).memories.count(tenant.agent_id))

    async def _tell(self, agent: Tenant, after: UUID | None, *, lost: bool) -> Told | None:
        scope = self._scopes.open(agent.user_id)
        told = await scope.write(partial(_retell, tenant=agent, after=after, lost=lost))
        return Told(_position(agent, told[-1]), len(told)) if told else None


async def every(tenants: Tenants) -> AsyncIterator[Tenant]:
    """All agents, a few at a time."""
    after: Tenant | None = None
    while found := await tenants.tenants(after=after, limit=AGENTS):
        for tenant in found:
            yield tenant
        after = found[-1]


def _retell(tx: UserTx, *, tenant: Tenant, after: UUID | None, lost: bool) -> Sequence[UUID]:
    p = tx.project(tenant.project_id)
    told = p.memories.retell(tenant.agent_id, after=after, limit=BATCH, lost=lost)
    if told:
        wake(p)
    return told


def _position(agent: Tenant, last: UUID | None) -> str:
    """A place in the fixed order: behind a memory of an agent, or behind all of it."""
    parts = [agent.user_id, agent.project_id, agent.agent_id, *([last] if last else [])]
    return " ".join(part.hex for part in parts)


def _read(position: str) -> tuple[Tenant | None, UUID | None]:
    if not position:
        return None, None
    user_id, project_id, agent_id, *last = map(UUID, position.split())
    return Tenant(user_id, project_id, agent_id), last[0] if last else None

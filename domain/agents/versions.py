"""The cache of agents' settings, which can't be stale: a version never changes."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from uuid import UUID

from domain.agents.entities import AgentSettings
from domain.ports import Clock
from domain.scopes import UserScope, UserTx

CACHE_TTL = timedelta(minutes=5)
"""How long settings are kept (spec S2)."""
CACHE_SIZE = 1_000
"""Versions kept per process, the least recently used leave first; at most about 80 kB each."""

_Key = tuple[UUID, UUID, UUID, int]


class AgentVersions:
    """Settings by owner, project, agent and version. Belongs to one event loop.

    Which version is current is not asked here but in the admission's own transaction.
    """

    def __init__(self, *, clock: Clock, size: int = CACHE_SIZE, ttl: timedelta = CACHE_TTL) -> None:
        self._clock = clock
        self._size = size
        self._ttl = ttl
        self._kept: OrderedDict[_Key, tuple[datetime, AgentSettings]] = OrderedDict()

    async def settings(
        self, scope: UserScope, *, project_id: UUID, agent_id: UUID, version: int
    ) -> AgentSettings | None:
        """One version's settings; None when the agent or the version is not visible to the owner."""
        key = (scope.user_id, project_id, agent_id, version)
        kept = self._fresh(key)
        if kept is not None:
            return kept

        def work(tx: UserTx) -> AgentSettings | None:
            found = tx.project(project_id).agents.version(agent_id, version)
            return found.settings if found else None

        settings = await scope.read_once(work)
        if settings is not None:
            self._keep(key, settings)
        return settings

    def _fresh(self, key: _Key) -> AgentSettings | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        at, settings = kept
        if self._clock() - at >= self._ttl:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return settings

    def _keep(self, key: _Key, settings: AgentSettings) -> None:
        self._kept[key] = (self._clock(), settings)
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

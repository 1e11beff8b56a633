"""Statements on agents and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from domain.agents.entities import Agent, AgentSettings, AgentStatistics, AgentTool, AgentVersion, Queue
from domain.folding import folded
from domain.models.entities import ModelRef
from domain.pages import Page, PageRequest
from persistence.conflicts import conflict_on, unique_index
from persistence.repositories.agent_statistics import statistics
from persistence.repositories.paging import keyset_page
from persistence.statements import any_of, join, now, param, select, update
from persistence.tables.agents import agent_slots as slots
from persistence.tables.agents import agent_versions as versions
from persistence.tables.agents import agents as t

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from persistence.prepared import Row
    from persistence.statements import Rows

TAKEN = "Another agent of this project has this handle already."
HANDLE = unique_index(t, "uq_agents_handle")

_SETTINGS = (
    versions.c.name,
    versions.c.handle,
    versions.c.role,
    versions.c.capabilities,
    versions.c.system_prompt,
    versions.c.model_provider,
    versions.c.model_name,
    versions.c.temperature,
    versions.c.max_tokens,
    versions.c.concurrency_limit,
    versions.c.tools,
)
_QUEUE = (slots.c.waiting, slots.c.running, slots.c.running_limit, slots.c.consecutive_failures)
_COLUMNS = (
    t.c.id,
    t.c.project_id,
    t.c.version,
    t.c.is_active,
    t.c.created_at,
    t.c.updated_at,
    *_QUEUE,
    *_SETTINGS,
)
_VISIBLE = t.c.deleted_at.is_(None)
_OLDEST_FIRST = (t.c.created_at, t.c.id)

_CURRENT = join(t, versions, sa.and_(versions.c.agent_id == t.c.id, versions.c.version == t.c.version))
_AGENTS = select(*_COLUMNS, source=join(_CURRENT, slots, slots.c.agent_id == t.c.id)).where(_VISIBLE)
_MANY = _AGENTS.where(t.c.id.in_(any_of("ids")))
_ACTIVE = _AGENTS.where(t.c.is_active).order_by(*_OLDEST_FIRST)
_BY_HANDLE = _AGENTS.where(t.c.handle_folded == param("handle"))
_HANDLES = select(versions.c.handle, source=_CURRENT).where(_VISIBLE)
_COUNT = select(sa.func.count(), source=t).where(_VISIBLE)

_OF_AGENT = join(versions, t, t.c.id == versions.c.agent_id)
_VERSIONS = select(versions.c.version, versions.c.created_at, *_SETTINGS, source=_OF_AGENT).where(
    versions.c.agent_id == param("id"), _VISIBLE
)
_VERSION = _VERSIONS.where(versions.c.version == param("version"))
_COUNT_VERSIONS = select(sa.func.count(), source=_OF_AGENT).where(
    versions.c.agent_id == param("id"), _VISIBLE
)

_EDIT = (
    update(t)
    .where(t.c.id == param("id"), t.c.version == param("expected"), _VISIBLE)
    .values(
        version=t.c.version + 1, handle_folded=param("handle"), is_active=param("is_active"), updated_at=now()
    )
)
_RESET_SLOTS = (
    update(slots)
    .where(slots.c.agent_id == param("id"))
    .values(running_limit=param("most", sa.BigInteger), consecutive_failures=0)
)
_BURY = update(t).where(t.c.id == param("id"), _VISIBLE).values(deleted_at=now())
_CLOSE_SLOTS = update(slots).where(slots.c.agent_id == param("id")).values(running_limit=0)


class SqlAgents:
    """Agents of one project."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def page(self, request: PageRequest) -> Page[Agent]:
        return keyset_page(
            self._rows, _AGENTS, count=_COUNT, order=_OLDEST_FIRST, request=request, entity=agent_of
        )

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Agent]:
        found = self._rows.all(_MANY, ids=list(ids)) if ids else ()
        return {row[0]: agent_of(row) for row in found}

    def active(self) -> Sequence[Agent]:
        return [agent_of(row) for row in self._rows.all(_ACTIVE)]

    def by_handle(self, handle_folded: str) -> Agent | None:
        row = self._rows.one(_BY_HANDLE, handle=handle_folded)
        return agent_of(row) if row else None

    def handles(self) -> Sequence[str]:
        return sorted((row[0] for row in self._rows.all(_HANDLES)), key=folded)

    def add(self, agent_id: UUID, settings: AgentSettings, *, handle_folded: str, is_active: bool) -> None:
        with conflict_on(TAKEN, HANDLE):
            self._rows.insert(
                t, {"id": agent_id, "handle_folded": handle_folded, "version": 1, "is_active": is_active}
            )
        self._rows.insert(versions, _version_row(agent_id, 1, settings))
        self._rows.insert(slots, {"agent_id": agent_id, "running_limit": settings.concurrency_limit})

    def save(
        self,
        agent_id: UUID,
        settings: AgentSettings,
        *,
        handle_folded: str,
        is_active: bool,
        expected_version: int,
    ) -> bool:
        with conflict_on(TAKEN, HANDLE):
            edited = self._rows.run(
                _EDIT, id=agent_id, expected=expected_version, handle=handle_folded, is_active=is_active
            )
        if edited == 0:
            return False
        self._rows.insert(versions, _version_row(agent_id, expected_version + 1, settings))
        self._rows.run(_RESET_SLOTS, id=agent_id, most=settings.concurrency_limit)
        return True

    def version(self, agent_id: UUID, version: int) -> AgentVersion | None:
        row = self._rows.one(_VERSION, id=agent_id, version=version)
        return version_of(row) if row else None

    def versions(self, agent_id: UUID, request: PageRequest) -> Page[AgentVersion]:
        return keyset_page(
            self._rows,
            _VERSIONS,
            count=_COUNT_VERSIONS,
            order=(versions.c.version,),
            descending=True,
            request=request,
            entity=version_of,
            id=agent_id,
        )

    def statistics(self, ids: Collection[UUID]) -> Mapping[UUID, AgentStatistics]:
        return statistics(self._rows, ids)

    def bury(self, agent_id: UUID) -> bool:
        if self._rows.run(_BURY, id=agent_id) == 0:
            return False
        self._rows.run(_CLOSE_SLOTS, id=agent_id)
        return True

    def count(self) -> int:
        row = self._rows.one(_COUNT)
        return int(row[0]) if row else 0


def agent_of(row: Row) -> Agent:
    """An agent from its columns."""
    agent_id, project_id, version, is_active, created_at, updated_at = row[:6]
    return Agent(
        agent_id,
        project_id,
        version,
        is_active,
        settings_of(row[10:]),
        Queue(*row[6:10]),
        created_at,
        updated_at,
    )


def version_of(row: Row) -> AgentVersion:
    """A version from its columns."""
    return AgentVersion(row[0], settings_of(row[2:]), row[1])


def settings_of(row: Row) -> AgentSettings:
    """Settings from their columns."""
    name, handle, role, capabilities, prompt, provider, model, temperature, max_tokens, limit, tools = row
    return AgentSettings(
        name,
        handle,
        role,
        tuple(capabilities),
        prompt,
        ModelRef(provider, model),
        temperature,
        max_tokens,
        limit,
        tuple(AgentTool(tool["name"], tool["enabled"]) for tool in tools),
    )


def _version_row(agent_id: UUID, version: int, settings: AgentSettings) -> dict[str, Any]:
    return {
        "agent_id": agent_id,
        "version": version,
        "name": settings.name,
        "handle": settings.handle,
        "role": settings.role,
        "capabilities": settings.capabilities,
        "system_prompt": settings.system_prompt,
        "model_provider": settings.model.provider,
        "model_name": settings.model.name,
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "concurrency_limit": settings.concurrency_limit,
        "tools": settings.tools,
    }

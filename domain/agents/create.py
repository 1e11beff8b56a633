"""Creating an agent."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from domain.agents import handles
from domain.agents.changes import announce_changed
from domain.agents.entities import Agent, AgentSettings
from domain.agents.inputs import DEFAULTS, AgentInput, merged
from domain.agents.validate import checked
from domain.errors import LimitExceeded, NotFound
from domain.folding import folded
from domain.ports import NewId
from domain.scopes import ProjectTx, UserScope, UserTx
from domain.unset import UNSET, given

AGENT_LIMIT = 100
"""Agents of one project."""


async def create_agent(scope: UserScope, project_id: UUID, wanted: AgentInput, *, new_id: NewId) -> Agent:
    """Add an agent at version 1. A handle that is not given is derived from the name and made unique.

    Raises:
        NotFound: no such project.
        Invalid: settings that break a rule, each with its path.
        Conflict: the handle that was given is taken.
        LimitExceeded: the project is full.
    """

    def work(tx: UserTx) -> Agent:
        if tx.projects.lock(project_id) is None:
            raise NotFound("project")
        project = tx.project(project_id)
        agent_id = add_agent(project, wanted, agent_id=new_id())
        announce_changed(tx, project, agent_id)
        return project.agents.many({agent_id})[agent_id]

    return await scope.write(work)


def add_agent(project: ProjectTx, wanted: AgentInput, *, agent_id: UUID) -> UUID:
    """The part inside a transaction that holds the project (`ProjectRows.lock`, or just made it)."""
    settings = _settings(project, wanted)
    count = project.agents.count()
    if count >= AGENT_LIMIT:
        raise LimitExceeded(f"A project has at most {AGENT_LIMIT} agents.", limit=AGENT_LIMIT)
    project.agents.add(
        agent_id,
        settings,
        handle_folded=folded(settings.handle),
        is_active=given(wanted.is_active, otherwise=True),
    )
    return agent_id


def _settings(project: ProjectTx, wanted: AgentInput) -> AgentSettings:
    settings = merged(DEFAULTS, wanted)
    if wanted.handle is UNSET:
        taken = {folded(handle) for handle in project.agents.handles()}
        settings = replace(settings, handle=handles.unique(handles.derived(settings.name), taken))
    return checked(settings)

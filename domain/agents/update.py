"""Editing an agent: every edit makes a new version."""

from __future__ import annotations

from uuid import UUID

from domain.agents.changes import announce_changed
from domain.agents.entities import Agent, AgentSettings
from domain.agents.inputs import AgentInput, merged
from domain.agents.validate import checked
from domain.errors import Conflict, NotFound
from domain.folding import folded
from domain.scopes import ProjectTx, UserScope, UserTx
from domain.unset import given


async def update_agent(
    scope: UserScope, agent_id: UUID, wanted: AgentInput, *, expected_version: int
) -> Agent:
    """Change the fields that were given. Renaming keeps the handle; an edit forgives earlier failures.

    Raises:
        NotFound: no such agent.
        Invalid: settings that break a rule, each with its path.
        Conflict: `expected_version` is not current any more, or the handle is taken.
    """

    def work(tx: UserTx) -> Agent:
        project, agent = found(tx, agent_id)
        if agent.version != expected_version:
            raise _stale(agent.version)
        settings = checked(merged(agent.settings, wanted))
        save(project, agent, settings, is_active=given(wanted.is_active, agent.is_active))
        announce_changed(tx, project, agent_id)
        return project.agents.many({agent_id})[agent_id]

    return await scope.write(work)


def found(tx: UserTx, agent_id: UUID) -> tuple[ProjectTx, Agent]:
    """A visible agent and its project's part of the transaction.

    Raises:
        NotFound: there is none.
    """
    project_id = tx.projects.of_agent(agent_id)
    if project_id is not None:
        project = tx.project(project_id)
        agent = project.agents.many({agent_id}).get(agent_id)
        if agent is not None:
            return project, agent
    raise NotFound("agent")


def save(project: ProjectTx, agent: Agent, settings: AgentSettings, *, is_active: bool) -> None:
    """Make these settings the version after `agent`'s.

    Raises:
        Conflict: another edit was faster, or the handle is taken.
    """
    saved = project.agents.save(
        agent.id,
        settings,
        handle_folded=folded(settings.handle),
        is_active=is_active,
        expected_version=agent.version,
    )
    if not saved:
        raise _stale(None)


def _stale(current: int | None) -> Conflict:
    now_at = "" if current is None else f"; it is at version {current} now"
    return Conflict(f"The agent was edited meanwhile{now_at}. Read it again before editing.")

"""Going back to an earlier version of an agent."""

from __future__ import annotations

from uuid import UUID

from domain.agents.changes import announce_changed
from domain.agents.entities import Agent
from domain.agents.update import found, save
from domain.errors import NotFound
from domain.scopes import UserScope, UserTx


async def restore_agent_version(scope: UserScope, agent_id: UUID, *, version: int) -> Agent:
    """Make a new version with the settings of an earlier one, its handle included; activity stays as it is.

    Raises:
        NotFound: no such agent, or no such version of it.
        Conflict: the old handle belongs to another agent now, or another edit was faster.
    """

    def work(tx: UserTx) -> Agent:
        project, agent = found(tx, agent_id)
        old = project.agents.version(agent_id, version)
        if old is None:
            raise NotFound("agent version")
        save(project, agent, old.settings, is_active=agent.is_active)
        announce_changed(tx, project, agent_id)
        return project.agents.many({agent_id})[agent_id]

    return await scope.write(work)

"""Deleting an agent."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from domain.agents.changes import announce_deleted
from domain.errors import NotFound
from domain.memory.hints import wake
from domain.scopes import ProjectTx, UserScope, UserTx
from domain.tasks.ports import OpenTask

CancelTask = Callable[[ProjectTx, OpenTask], None]
"""Ends an open task inside the transaction, with its run, its answer, its place in the queue and their events."""


async def delete_agent(scope: UserScope, agent_id: UUID, *, cancel: CancelTask) -> int:
    """Make an agent invisible and cancel what it has open; its messages stay readable.

    Returns the number of cancelled tasks.

    Raises:
        NotFound: no such agent.
    """

    def work(tx: UserTx) -> int:
        project_id = tx.projects.of_agent(agent_id)
        if project_id is None:
            raise NotFound("agent")
        project = tx.project(project_id)
        # burying closes the agent's slots first: nothing can be admitted behind the list of open tasks
        if not project.agents.bury(agent_id):
            raise NotFound("agent")
        tasks = project.tasks.open_of_agent(agent_id)
        for task in tasks:
            cancel(project, task)
        project.memories.drop(agent_id)
        wake(project)
        announce_deleted(tx, project, agent_id)
        return len(tasks)

    return await scope.write(work)

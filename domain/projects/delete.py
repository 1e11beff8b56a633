"""Deleting a project and everything in it."""

from __future__ import annotations

from uuid import UUID

from domain.agents.delete import CancelTask
from domain.errors import NotFound
from domain.memory.hints import wake
from domain.scopes import HintCommitted, UserScope, UserTx


async def delete_project(scope: UserScope, project_id: UUID, *, cancel: CancelTask) -> int:
    """Make a project invisible with all that is in it, and cancel what is open; the purge comes later.

    Returns the number of cancelled tasks.

    Raises:
        NotFound: no such project.
    """

    def work(tx: UserTx) -> int:
        # burying closes all slots first: nothing can be admitted behind the list of open tasks
        if not tx.projects.bury(project_id):
            raise NotFound("project")
        project = tx.project(project_id)
        project.memories.drop_all()
        wake(project)
        tasks = project.tasks.open_of_project()
        for task in tasks:
            cancel(project, task)
        project.announce(
            HintCommitted(
                f"project:{tx.user_id}:{project_id}",
                {"kind": "PROJECT_DELETED", "project_id": str(project_id)},
            )
        )
        return len(tasks)

    return await scope.write(work)

"""Creating a project, with its Starter Pack."""

from __future__ import annotations

from domain.agents.starter_pack import add_starter_pack
from domain.errors import LimitExceeded
from domain.fields import Fields
from domain.ports import NewId
from domain.projects.entities import Project
from domain.projects.inputs import ProjectInput
from domain.projects.validate import checked_name, checked_path
from domain.scopes import UserScope, UserTx
from domain.unset import given

PROJECT_LIMIT = 100
"""Projects of one user."""


async def create_project(scope: UserScope, wanted: ProjectInput, *, new_id: NewId) -> Project:
    """Add a project and the agents of the Starter Pack, in one transaction.

    Raises:
        Invalid: a name or a path that breaks a rule.
        Conflict: the user has a project of this name.
        LimitExceeded: the user has as many projects as one may have.
    """
    fields = Fields()
    name = checked_name(given(wanted.name, ""), fields)
    path = checked_path(given(wanted.workspace_path, None), fields)
    fields.check()

    def work(tx: UserTx) -> Project:
        if tx.projects.count() >= PROJECT_LIMIT:
            raise LimitExceeded(f"A user has at most {PROJECT_LIMIT} projects.", limit=PROJECT_LIMIT)
        project_id = new_id()
        tx.projects.add(project_id, name=name, workspace_path=path)
        add_starter_pack(tx.project(project_id), new_id=new_id)
        return tx.projects.many({project_id})[project_id]

    return await scope.write(work)

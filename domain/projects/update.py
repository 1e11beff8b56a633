"""Renaming a project, or giving it another workspace."""

from __future__ import annotations

from uuid import UUID

from domain.errors import NotFound
from domain.fields import Fields
from domain.projects.entities import Project
from domain.projects.inputs import ProjectInput
from domain.projects.validate import checked_name, checked_path
from domain.scopes import UserScope, UserTx
from domain.unset import given


async def update_project(scope: UserScope, project_id: UUID, wanted: ProjectInput) -> Project:
    """Change the fields that were given.

    Raises:
        NotFound: no such project.
        Invalid: a name or a path that breaks a rule.
        Conflict: the user has another project of this name.
    """

    def work(tx: UserTx) -> Project:
        project = tx.projects.lock(project_id)
        if project is None:
            raise NotFound("project")
        fields = Fields()
        name = checked_name(given(wanted.name, project.name), fields)
        path = checked_path(given(wanted.workspace_path, project.workspace_path), fields)
        fields.check()
        tx.projects.save(project_id, name=name, workspace_path=path)
        return tx.projects.many({project_id})[project_id]

    return await scope.write(work)

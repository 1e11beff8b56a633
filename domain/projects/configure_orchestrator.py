"""Configuring how a project's requests are planned."""

from __future__ import annotations

from uuid import UUID

from domain.errors import NotFound
from domain.projects.entities import Orchestrator
from domain.projects.inputs import OrchestratorInput
from domain.projects.validate import checked_orchestrator
from domain.scopes import UserScope, UserTx
from domain.unset import given


async def configure_orchestrator(
    scope: UserScope, project_id: UUID, wanted: OrchestratorInput
) -> Orchestrator:
    """Change the settings that were given.

    Raises:
        NotFound: no such project.
        Invalid: settings that break a rule, each with its path.
    """

    def work(tx: UserTx) -> Orchestrator:
        if tx.projects.lock(project_id) is None:
            raise NotFound("project")
        rows = tx.project(project_id).orchestrator
        orchestrator = checked_orchestrator(_merged(rows.get(), wanted))
        rows.save(orchestrator)
        return orchestrator

    return await scope.write(work)


def _merged(present: Orchestrator, wanted: OrchestratorInput) -> Orchestrator:
    return Orchestrator(
        model=given(wanted.model, present.model),
        prompt=given(wanted.prompt, present.prompt),
        approve_from_tasks=given(wanted.approve_from_tasks, present.approve_from_tasks),
        approve_from_cost_micro_usd=given(
            wanted.approve_from_cost_micro_usd, present.approve_from_cost_micro_usd
        ),
        max_tasks=given(wanted.max_tasks, present.max_tasks),
    )

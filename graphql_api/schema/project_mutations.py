"""Mutations of projects and their orchestrator."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import strawberry

from domain.bus.close import close_task
from domain.projects import entities
from domain.projects import inputs as domain_inputs
from domain.projects.configure_orchestrator import configure_orchestrator
from domain.projects.create import create_project
from domain.projects.delete import delete_project
from domain.projects.update import update_project
from graphql_api.context import Info
from graphql_api.schema.arguments import ProjectId
from graphql_api.schema.deleted import Deleted
from graphql_api.schema.ids import Kind, parsed
from graphql_api.schema.inputs import nullable, value_of
from graphql_api.schema.models import ModelInput
from graphql_api.schema.problems import Conflict, Invalid, LimitExceeded, NotFound, answered
from graphql_api.schema.projects import Orchestrator, Project
from graphql_api.schema.scalars import MicroUSD

PROJECT_GONE = "Its project was deleted."


@strawberry.type(description="The project was saved.")
class ProjectSaved:
    """Saved."""

    project: Project = strawberry.field(description="The project as it is now.")

    @classmethod
    def of(cls, project: entities.Project) -> ProjectSaved:
        """From the entity."""
        return cls(project=Project.of(project))


@strawberry.type(description="The orchestrator was configured.")
class OrchestratorConfigured:
    """Configured."""

    orchestrator: Orchestrator = strawberry.field(description="All settings as they are now.")


CreateProjectResult = Annotated[
    ProjectSaved | Invalid | Conflict | LimitExceeded,
    strawberry.union("CreateProjectResult", description="The new project, or why there is none."),
]
UpdateProjectResult = Annotated[
    ProjectSaved | NotFound | Invalid | Conflict,
    strawberry.union("UpdateProjectResult", description="The changed project, or why it stays as it was."),
]
DeleteProjectResult = Annotated[
    Deleted | NotFound,
    strawberry.union("DeleteProjectResult", description="What was deleted, or why nothing was."),
]
ConfigureOrchestratorResult = Annotated[
    OrchestratorConfigured | NotFound | Invalid,
    strawberry.union(
        "ConfigureOrchestratorResult", description="The settings, or why they stay as they were."
    ),
]


@strawberry.input(description="A name is needed to create; absent fields stay as they are.")
class ProjectInput:
    """A project."""

    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="What it is called, 1 to 80 characters, unique among yours."
    )
    workspace_path: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="An absolute folder on your own machine, at most 1,000 characters; null removes it.",
    )

    @property
    def entity(self) -> domain_inputs.ProjectInput:
        """As the domain has it."""
        return domain_inputs.ProjectInput(value_of(self.name), nullable(self.workspace_path))


@strawberry.input(description="Fields that are absent or null stay as they are.")
class OrchestratorInput:
    """An orchestrator."""

    model: ModelInput | None = strawberry.field(default=strawberry.UNSET, description="The model that plans.")
    prompt: str | None = strawberry.field(
        default=strawberry.UNSET, description="What it is told beside the request, at most 20,000 characters."
    )
    approve_from_tasks: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="Plans of at least so many tasks wait for your approval, 1 to 100.",
    )
    approve_from_cost: MicroUSD | None = strawberry.field(
        default=strawberry.UNSET,
        description="Plans above this estimate wait for your approval, at most 1,000,000,000 ($1,000).",
    )
    max_tasks: int | None = strawberry.field(
        default=strawberry.UNSET, description="Tasks that a plan may have, 1 to 100."
    )

    @property
    def entity(self) -> domain_inputs.OrchestratorInput:
        """As the domain has it."""
        model = value_of(self.model)
        return domain_inputs.OrchestratorInput(
            model=model.entity if isinstance(model, ModelInput) else model,
            prompt=value_of(self.prompt),
            approve_from_tasks=value_of(self.approve_from_tasks),
            approve_from_cost_micro_usd=value_of(self.approve_from_cost),
            max_tasks=value_of(self.max_tasks),
        )


@strawberry.type
class ProjectMutation:
    """Mutations of projects."""

    @strawberry.mutation(description="A new project with the Starter Pack of agents.")
    async def create_project(
        self,
        info: Info,
        input: Annotated[
            ProjectInput, strawberry.argument(description="What it shall be; a name is needed.")
        ],
    ) -> CreateProjectResult:
        """Create."""
        created = create_project(info.context.scope, input.entity, new_id=info.context.services.new_id)
        return await answered(info, created, ProjectSaved.of)

    @strawberry.mutation(description="Change a project.")
    async def update_project(
        self,
        info: Info,
        id: ProjectId,
        input: Annotated[
            ProjectInput, strawberry.argument(description="What shall change; absent fields stay.")
        ],
    ) -> UpdateProjectResult:
        """Update."""
        updated = update_project(info.context.scope, parsed(Kind.PROJECT, id), input.entity)
        return await answered(info, updated, ProjectSaved.of)

    @strawberry.mutation(description="Delete a project and everything in it; what is open is cancelled.")
    async def delete_project(self, info: Info, id: ProjectId) -> DeleteProjectResult:
        """Delete."""
        deleted = delete_project(
            info.context.scope, parsed(Kind.PROJECT, id), cancel=partial(close_task, problem=PROJECT_GONE)
        )
        return await answered(info, deleted, partial(Deleted.of, id))

    @strawberry.mutation(description="Configure how a project plans.")
    async def configure_orchestrator(
        self,
        info: Info,
        project_id: ProjectId,
        input: Annotated[
            OrchestratorInput, strawberry.argument(description="What shall change; absent fields stay.")
        ],
    ) -> ConfigureOrchestratorResult:
        """Configure."""
        configured = configure_orchestrator(
            info.context.scope, parsed(Kind.PROJECT, project_id), input.entity
        )
        return await answered(
            info, configured, lambda it: OrchestratorConfigured(orchestrator=Orchestrator.of(it))
        )

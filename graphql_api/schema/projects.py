"""Projects and their orchestrator."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from domain.agents import handles
from domain.bus.close import close_task
from domain.pages import PageRequest
from domain.projects import entities
from domain.projects import inputs as domain_inputs
from domain.projects.configure_orchestrator import configure_orchestrator
from domain.projects.create import create_project
from domain.projects.delete import delete_project
from domain.projects.update import update_project
from graphql_api.context import Info
from graphql_api.schema.deleted import Deleted
from graphql_api.schema.ids import Kind, parsed, shown
from graphql_api.schema.inputs import nullable, value_of
from graphql_api.schema.models import ModelInput, ModelRef
from graphql_api.schema.paging import Connection, connection
from graphql_api.schema.problems import Conflict, Invalid, LimitExceeded, NotFound, answered
from graphql_api.schema.scalars import MicroUSD

if TYPE_CHECKING:
    from graphql_api.schema.agents import Agent
    from graphql_api.schema.conversations import Session

PROJECT_GONE = "Its project was deleted."


@strawberry.type(description="How requests without a target are planned, and when plans need a yes.")
class Orchestrator:
    """The orchestrator's settings."""

    model: ModelRef
    prompt: str
    approve_from_tasks: int
    approve_from_cost: MicroUSD
    max_tasks: int

    @classmethod
    def of(cls, orchestrator: entities.Orchestrator) -> Orchestrator:
        """From the entity."""
        return cls(
            model=ModelRef.of(orchestrator.model),
            prompt=orchestrator.prompt,
            approve_from_tasks=orchestrator.approve_from_tasks,
            approve_from_cost=MicroUSD(orchestrator.approve_from_cost_micro_usd),
            max_tasks=orchestrator.max_tasks,
        )


@strawberry.type(description="What holds agents and sessions.")
class Project:
    """A project."""

    id: strawberry.ID
    name: str
    workspace_path: str | None
    created_at: datetime
    updated_at: datetime
    key: strawberry.Private[UUID]

    @classmethod
    def of(cls, project: entities.Project) -> Project:
        """From the entity."""
        return cls(
            id=strawberry.ID(shown(Kind.PROJECT, project.id)),
            name=project.name,
            workspace_path=project.workspace_path,
            created_at=project.created_at,
            updated_at=project.updated_at,
            key=project.id,
        )

    @strawberry.field(description="Its agents, oldest first.")
    async def agents(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> Connection[Annotated[Agent, strawberry.lazy("graphql_api.schema.agents")]]:
        """Agents."""
        from graphql_api.schema.agents import Agent

        request = PageRequest.of(first=first, after=after)
        page = await info.context.scope.read(lambda tx: tx.project(self.key).agents.page(request))
        return connection(page, Agent.of)

    @strawberry.field(description="By handle (with or without @).")
    async def agent_by_handle(
        self, info: Info, handle: str
    ) -> Annotated[Agent, strawberry.lazy("graphql_api.schema.agents")] | None:
        """One agent."""
        from graphql_api.schema.agents import Agent

        folded = handles.sought(handle)
        if folded is None:
            return None
        agent = await info.context.scope.read(lambda tx: tx.project(self.key).agents.by_handle(folded))
        return Agent.of(agent) if agent else None

    @strawberry.field(description="Its chats, newest activity first; `search` looks into titles.")
    async def sessions(
        self, info: Info, search: str | None = None, first: int | None = None, after: str | None = None
    ) -> Connection[Annotated[Session, strawberry.lazy("graphql_api.schema.conversations")]]:
        """Sessions."""
        from graphql_api.schema.conversations import Session

        request = PageRequest.of(first=first, after=after)
        page = await info.context.scope.read(
            lambda tx: tx.project(self.key).sessions.page(request, search=search)
        )
        return connection(page, Session.of)

    @strawberry.field(description="How it plans.")
    async def orchestrator(self, info: Info) -> Orchestrator:
        """Settings."""
        found = await info.context.scope.read(lambda tx: tx.project(self.key).orchestrator.get())
        return Orchestrator.of(found)


@strawberry.type(description="The project was saved.")
class ProjectSaved:
    """Saved."""

    project: Project

    @classmethod
    def of(cls, project: entities.Project) -> ProjectSaved:
        """From the entity."""
        return cls(project=Project.of(project))


@strawberry.type(description="The orchestrator was configured.")
class OrchestratorConfigured:
    """Configured."""

    orchestrator: Orchestrator


CreateProjectResult = Annotated[
    ProjectSaved | Invalid | Conflict | LimitExceeded, strawberry.union("CreateProjectResult")
]
UpdateProjectResult = Annotated[
    ProjectSaved | NotFound | Invalid | Conflict, strawberry.union("UpdateProjectResult")
]
DeleteProjectResult = Annotated[Deleted | NotFound, strawberry.union("DeleteProjectResult")]
ConfigureOrchestratorResult = Annotated[
    OrchestratorConfigured | NotFound | Invalid, strawberry.union("ConfigureOrchestratorResult")
]


@strawberry.input(description="A name is needed to create; absent fields stay as they are.")
class ProjectInput:
    """A project."""

    name: str | None = strawberry.UNSET
    workspace_path: str | None = strawberry.UNSET

    @property
    def entity(self) -> domain_inputs.ProjectInput:
        """As the domain has it."""
        return domain_inputs.ProjectInput(value_of(self.name), nullable(self.workspace_path))


@strawberry.input(description="Absent fields stay as they are.")
class OrchestratorInput:
    """An orchestrator."""

    model: ModelInput | None = strawberry.UNSET
    prompt: str | None = strawberry.UNSET
    approve_from_tasks: int | None = strawberry.UNSET
    approve_from_cost: MicroUSD | None = strawberry.UNSET
    max_tasks: int | None = strawberry.UNSET

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
    async def create_project(self, info: Info, input: ProjectInput) -> CreateProjectResult:
        """Create."""
        created = create_project(info.context.scope, input.entity, new_id=info.context.services.new_id)
        return await answered(info, created, ProjectSaved.of)

    @strawberry.mutation(description="Change a project.")
    async def update_project(self, info: Info, id: strawberry.ID, input: ProjectInput) -> UpdateProjectResult:
        """Update."""
        updated = update_project(info.context.scope, parsed(Kind.PROJECT, id), input.entity)
        return await answered(info, updated, ProjectSaved.of)

    @strawberry.mutation(description="Delete a project and everything in it; what is open is cancelled.")
    async def delete_project(self, info: Info, id: strawberry.ID) -> DeleteProjectResult:
        """Delete."""
        deleted = delete_project(
            info.context.scope, parsed(Kind.PROJECT, id), cancel=partial(close_task, problem=PROJECT_GONE)
        )
        return await answered(info, deleted, partial(Deleted.of, id))

    @strawberry.mutation(description="Configure how a project plans.")
    async def configure_orchestrator(
        self, info: Info, project_id: strawberry.ID, input: OrchestratorInput
    ) -> ConfigureOrchestratorResult:
        """Configure."""
        configured = configure_orchestrator(
            info.context.scope, parsed(Kind.PROJECT, project_id), input.entity
        )
        return await answered(
            info, configured, lambda it: OrchestratorConfigured(orchestrator=Orchestrator.of(it))
        )

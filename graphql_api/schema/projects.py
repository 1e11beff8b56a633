"""Projects and their orchestrator."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from domain.agents import handles
from domain.pages import PageRequest
from domain.projects import entities
from graphql_api.context import Info
from graphql_api.schema.arguments import After, First
from graphql_api.schema.ids import Kind, shown
from graphql_api.schema.models import ModelRef
from graphql_api.schema.paging import Connection, connection
from graphql_api.schema.scalars import MicroUSD

if TYPE_CHECKING:
    from graphql_api.schema.agents import Agent
    from graphql_api.schema.conversations import Session


@strawberry.type(description="How requests without a target are planned, and when plans need a yes.")
class Orchestrator:
    """The orchestrator's settings."""

    model: ModelRef = strawberry.field(description="The model that plans.")
    prompt: str = strawberry.field(
        description="What it is told beside the request, at most 20,000 characters; may be empty."
    )
    approve_from_tasks: int = strawberry.field(
        description="Plans of at least so many tasks wait for your approval."
    )
    approve_from_cost: MicroUSD = strawberry.field(
        description="Plans above this estimate wait for your approval."
    )
    max_tasks: int = strawberry.field(description="Tasks that a plan may have, 1 to 100.")

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

    id: strawberry.ID = strawberry.field(description="Its id, `prj_…`.")
    name: str = strawberry.field(description="What it is called, 1 to 80 characters, unique among yours.")
    workspace_path: str | None = strawberry.field(
        description="An absolute folder on your own machine, where workspace tools work; null: none."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When its own fields were last changed.")
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
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Annotated[Agent, strawberry.lazy("graphql_api.schema.agents")]]:
        """Agents."""
        from graphql_api.schema.agents import Agent

        request = PageRequest.of(first=first, after=after)
        page = await info.context.scope.read(lambda tx: tx.project(self.key).agents.page(request))
        return connection(page, Agent.of)

    @strawberry.field(description="One of its agents by handle; null when nobody is called so.")
    async def agent_by_handle(
        self,
        info: Info,
        handle: Annotated[
            str, strawberry.argument(description="The handle, in any case, with or without @.")
        ],
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
        self,
        info: Info,
        search: Annotated[
            str | None,
            strawberry.argument(
                description="Only sessions whose title contains this, in any case; null is all."
            ),
        ] = None,
        first: First = None,
        after: After = None,
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

"""The roots of the schema: where queries, mutations and subscriptions begin."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, cast
from uuid import UUID

import strawberry

from domain.agents import entities
from domain.errors import FieldProblem, Invalid
from domain.events.live import SessionKey
from domain.scopes import UserTx
from graphql_api.context import Info
from graphql_api.schema.agent_mutations import AgentMutation
from graphql_api.schema.agents import Agent
from graphql_api.schema.arguments import AgentId, ProjectId, RunId, SessionId
from graphql_api.schema.changes import ProjectChange, project_changes
from graphql_api.schema.conversation_mutations import ConversationMutation
from graphql_api.schema.conversations import Run, Session, run_by_id
from graphql_api.schema.events import SessionEvent, SharedEvent
from graphql_api.schema.identity import User
from graphql_api.schema.identity_mutations import IdentityMutation
from graphql_api.schema.ids import Kind, parsed
from graphql_api.schema.memory_mutations import MemoryMutation
from graphql_api.schema.project_mutations import ProjectMutation
from graphql_api.schema.projects import Project
from graphql_api.schema.scalars import Cursor, parse_cursor


@strawberry.type(description="What is left of your rate limit.")
class RateLimit:
    """The limit."""

    limit: int = strawberry.field(description="Cost units per minute.")
    remaining: int = strawberry.field(description="Units left now.")
    resets_at: datetime = strawberry.field(description="When all units are there again.")
    cost: int = strawberry.field(description="What this operation cost.")


@strawberry.type(
    description="What this deployment runs on; offline is true while no model key is configured."
)
class System:
    """The deployment."""

    version: str = strawberry.field(description="CodeLab's version.")
    offline: bool = strawberry.field(
        description="Whether the built-in offline model answers, for want of a key."
    )
    model: str = strawberry.field(description="The model behind codelab/default.")


@strawberry.type(description="Reads. All fields of one operation see the same snapshot.")
class Query:
    """Reads; all of one operation see one snapshot."""

    @strawberry.field(description="You; null when signed out.")
    async def me(self, info: Info) -> User | None:
        """The user who asks."""
        if info.context.principal is None:
            return None
        user = await info.context.scope.read(lambda tx: tx.identity.user())
        return User.of(user) if user else None

    @strawberry.field(description="One of your projects; null when there is none with this id.")
    async def project(self, info: Info, id: ProjectId) -> Project | None:
        """A project."""
        found = await info.context.loaders.projects.load(parsed(Kind.PROJECT, id))
        return Project.of(found) if found else None

    @strawberry.field(description="One of your agents; null when there is none with this id.")
    async def agent(self, info: Info, id: AgentId) -> Agent | None:
        """An agent."""
        found = await info.context.scope.read(partial(_agent, agent_id=parsed(Kind.AGENT, id)))
        return Agent.of(found) if found else None

    @strawberry.field(description="One of your sessions; null when there is none with this id.")
    async def session(self, info: Info, id: SessionId) -> Session | None:
        """A session."""
        session_id = parsed(Kind.SESSION, id)
        found = await info.context.scope.read(lambda tx: tx.projects.session(session_id))
        return Session.of(found) if found else None

    @strawberry.field(description="One of your runs; null when there is none with this id.")
    async def run(self, info: Info, id: RunId) -> Run | None:
        """A run."""
        run_id = parsed(Kind.RUN, id)
        place = await info.context.scope.read(lambda tx: tx.projects.of_run(run_id))
        return await run_by_id(info, place[0], run_id) if place else None

    @strawberry.field(description="What is left of your rate limit, this operation included.")
    async def rate_limit(self, info: Info) -> RateLimit:
        """The rate limit."""
        allowance = info.context.allowance
        return RateLimit(
            limit=allowance.limit,
            remaining=allowance.remaining,
            resets_at=info.context.services.clock() + timedelta(seconds=allowance.resets_after_s),
            cost=info.context.operation.cost,
        )

    @strawberry.field(description="What this deployment runs on.")
    async def system(self, info: Info) -> System:
        """The deployment."""
        services = info.context.services
        return System(
            version=services.version, offline=services.models.offline, model=services.models.default_name
        )


@strawberry.type(description="Changes. Each field answers with its payload or with a Problem.")
class Mutation(IdentityMutation, ProjectMutation, AgentMutation, ConversationMutation, MemoryMutation):
    """Changes."""


@strawberry.type(description="Streams, over WebSocket or server-sent events.")
class Subscription:
    """Streams."""

    @strawberry.subscription(
        description="One session's facts from `after` on (default: from now), then live;"
        " over SSE a Last-Event-ID header overrides `after`."
    )
    async def session_events(
        self,
        info: Info,
        session_id: SessionId,
        after: Annotated[
            Cursor | None,
            strawberry.argument(
                description="The last cursor that you received, or the session's; null begins now."
            ),
        ] = None,
    ) -> AsyncGenerator[SessionEvent, None]:
        """Events of a session."""
        context = info.context
        last_id = context.request.last_event_id
        cursor = _resumed(last_id) if last_id else after
        key = SessionKey(context.scope.user_id, parsed(Kind.SESSION, session_id))
        async with aclosing(context.services.tails.subscribe(key, after=cursor)) as items:
            async for item in items:
                yield cast("SessionEvent", SharedEvent(item, session_id))

    @strawberry.subscription(
        description="What changes around the sessions of one project: agents, queues, sessions listed."
        " A snapshot first, then hints; no cursor: refetch after a reconnect."
    )
    async def project_changes(self, info: Info, project_id: ProjectId) -> AsyncGenerator[ProjectChange, None]:
        """Changes of a project."""
        async with aclosing(project_changes(info.context, parsed(Kind.PROJECT, project_id))) as changes:
            async for change in changes:
                yield change


def _agent(tx: UserTx, *, agent_id: UUID) -> entities.Agent | None:
    """An agent and its place in one go."""
    project_id = tx.projects.of_agent(agent_id)
    return tx.project(project_id).agents.many([agent_id]).get(agent_id) if project_id else None


def _resumed(last_event_id: str) -> Cursor:
    cursor = parse_cursor(last_event_id)
    if cursor is None:
        raise Invalid(FieldProblem(("Last-Event-ID",), "A cursor is what an event or a session gave out."))
    return cursor

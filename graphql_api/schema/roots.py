"""The roots of the schema: where queries, mutations and subscriptions begin."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import cast

import strawberry

from domain.errors import FieldProblem, Invalid
from domain.events.live import SessionKey
from graphql_api.context import Info
from graphql_api.schema.agents import Agent, AgentMutation
from graphql_api.schema.changes import ProjectChange, project_changes
from graphql_api.schema.conversation_mutations import ConversationMutation
from graphql_api.schema.conversations import Run, Session, run_by_id
from graphql_api.schema.events import SessionEvent, SharedEvent
from graphql_api.schema.identity import IdentityMutation, User
from graphql_api.schema.ids import Kind, parsed
from graphql_api.schema.projects import Project, ProjectMutation
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

    version: str
    offline: bool
    model: str = strawberry.field(description="The model behind codelab/default.")


@strawberry.type
class Query:
    """Reads; all of one operation see one snapshot."""

    @strawberry.field(description="Null when signed out.")
    async def me(self, info: Info) -> User | None:
        """The user who asks."""
        if info.context.principal is None:
            return None
        user = await info.context.scope.read(lambda tx: tx.identity.user())
        return User.of(user) if user else None

    @strawberry.field(description="One of your projects.")
    async def project(self, info: Info, id: strawberry.ID) -> Project | None:
        """A project."""
        found = await info.context.loaders.projects.load(parsed(Kind.PROJECT, id))
        return Project.of(found) if found else None

    @strawberry.field(description="One of your agents.")
    async def agent(self, info: Info, id: strawberry.ID) -> Agent | None:
        """An agent."""
        agent_id = parsed(Kind.AGENT, id)
        project_id = await info.context.scope.read(lambda tx: tx.projects.of_agent(agent_id))
        found = await info.context.loaders.agents.load((project_id, agent_id)) if project_id else None
        return Agent.of(found) if found else None

    @strawberry.field(description="One of your sessions.")
    async def session(self, info: Info, id: strawberry.ID) -> Session | None:
        """A session."""
        session_id = parsed(Kind.SESSION, id)
        found = await info.context.scope.read(lambda tx: tx.projects.session(session_id))
        return Session.of(found) if found else None

    @strawberry.field(description="One of your runs.")
    async def run(self, info: Info, id: strawberry.ID) -> Run | None:
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


@strawberry.type
class Mutation(IdentityMutation, ProjectMutation, AgentMutation, ConversationMutation):
    """Changes."""


@strawberry.type
class Subscription:
    """Streams."""

    @strawberry.subscription(
        description="One session's facts from `after` on (default: from now), then live;"
        " over SSE a Last-Event-ID header overrides `after`."
    )
    async def session_events(
        self, info: Info, session_id: strawberry.ID, after: Cursor | None = None
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
    async def project_changes(
        self, info: Info, project_id: strawberry.ID
    ) -> AsyncGenerator[ProjectChange, None]:
        """Changes of a project."""
        async with aclosing(project_changes(info.context, parsed(Kind.PROJECT, project_id))) as changes:
            async for change in changes:
                yield change


def _resumed(last_event_id: str) -> Cursor:
    cursor = parse_cursor(last_event_id)
    if cursor is None:
        raise Invalid(FieldProblem(("Last-Event-ID",), "A cursor is what an event or a session gave out."))
    return cursor

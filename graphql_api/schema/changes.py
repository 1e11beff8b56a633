"""What changes around the sessions of one project."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from domain.agents import entities
from domain.errors import NotFound
from domain.pages import MAX_PAGE, PageRequest
from domain.scopes import UserScope
from graphql_api.context import Context
from graphql_api.schema.agents import QueueState
from graphql_api.schema.enums import AgentStatus
from graphql_api.schema.ids import Kind, shown


@strawberry.type(description="An agent as it is now.")
class AgentChanged:
    """Changed."""

    agent_id: strawberry.ID = strawberry.field(description="Which agent.")
    handle: str = strawberry.field(description="How it is called now.")
    status: AgentStatus = strawberry.field(description="Whether it can take work now.")
    version: int = strawberry.field(
        description="Its version; a higher one than you know: fetch the agent anew."
    )
    queue: QueueState = strawberry.field(description="What waits and runs.")

    @classmethod
    def of(cls, agent: entities.Agent) -> AgentChanged:
        """From the entity."""
        return cls(
            agent_id=strawberry.ID(shown(Kind.AGENT, agent.id)),
            handle=agent.settings.handle,
            status=agent.queue.status,
            version=agent.version,
            queue=QueueState.of(agent.queue),
        )


@strawberry.type(description="An agent is gone.")
class AgentDeleted:
    """Gone."""

    agent_id: strawberry.ID = strawberry.field(description="Which agent is gone.")


@strawberry.type(description="A session is new or has a new title.")
class SessionListed:
    """Listed."""

    session_id: strawberry.ID = strawberry.field(description="Which session.")
    title: str = strawberry.field(description="Its title.")
    updated_at: datetime = strawberry.field(description="When something last happened in it.")


@strawberry.type(description="A session is gone.")
class SessionUnlisted:
    """Gone."""

    session_id: strawberry.ID = strawberry.field(description="Which session is gone.")


@strawberry.type(description="The project is gone; the stream ends.")
class ProjectDeleted:
    """Gone."""

    project_id: strawberry.ID = strawberry.field(description="Which project is gone.")


ProjectChange = Annotated[
    AgentChanged | AgentDeleted | SessionListed | SessionUnlisted | ProjectDeleted,
    strawberry.union("ProjectChange", description="Something around the sessions of a project changed."),
]
AnyChange = AgentChanged | AgentDeleted | SessionListed | SessionUnlisted | ProjectDeleted


async def project_changes(context: Context, project_id: UUID) -> AsyncGenerator[AnyChange, None]:
    """A snapshot of the agents, then what hints say; each hint is looked up, so that nothing stale is told.

    Raises:
        NotFound: no such project; before the first change.
    """
    scope = context.scope
    channel = f"project:{scope.user_id}:{project_id}"
    async with context.services.hints.listen(channel) as hints:
        if project_id not in await scope.read(lambda tx: tx.projects.many([project_id])):
            raise NotFound("project")
        page = await scope.read(lambda tx: tx.project(project_id).agents.page(PageRequest(MAX_PAGE)))
        await scope.aclose()
        for agent in page.nodes:
            yield AgentChanged.of(agent)
        async for hint in hints:
            change = await _looked_up(scope, project_id, hint)
            await scope.aclose()
            if change is not None:
                yield change
            if isinstance(change, ProjectDeleted):
                return


async def _looked_up(scope: UserScope, project_id: UUID, hint: Mapping[str, object]) -> AnyChange | None:
    match hint.get("kind"):
        case "AGENT_CHANGED":
            return await _agent(scope, project_id, UUID(str(hint["agent_id"])))
        case "AGENT_DELETED":
            agent_id = UUID(str(hint["agent_id"]))
            return AgentDeleted(agent_id=strawberry.ID(shown(Kind.AGENT, agent_id)))
        case "SESSION_LISTED":
            return await _session(scope, project_id, UUID(str(hint["session_id"])))
        case "SESSION_UNLISTED":
            session_id = UUID(str(hint["session_id"]))
            return SessionUnlisted(session_id=strawberry.ID(shown(Kind.SESSION, session_id)))
        case "PROJECT_DELETED":
            return ProjectDeleted(project_id=strawberry.ID(shown(Kind.PROJECT, project_id)))
    return None


async def _agent(scope: UserScope, project_id: UUID, agent_id: UUID) -> AgentChanged | None:
    agent = (await scope.read(lambda tx: tx.project(project_id).agents.many([agent_id]))).get(agent_id)
    return AgentChanged.of(agent) if agent else None


async def _session(scope: UserScope, project_id: UUID, session_id: UUID) -> SessionListed | None:
    found = await scope.read(lambda tx: tx.project(project_id).sessions.many([session_id]))
    session = found.get(session_id)
    if session is None:
        return None
    shown_id = strawberry.ID(shown(Kind.SESSION, session.id))
    return SessionListed(session_id=shown_id, title=session.title, updated_at=session.updated_at)

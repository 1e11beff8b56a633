"""Sessions, messages and runs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from domain.conversations import entities
from domain.errors import NotFound as DomainNotFound
from domain.pages import Page, PageRequest
from graphql_api.context import Info
from graphql_api.schema.agents import Agent
from graphql_api.schema.arguments import After, Before, First, Last
from graphql_api.schema.enums import Author, MessageStatus, RunMode, RunStatus
from graphql_api.schema.ids import Kind, maybe, shown
from graphql_api.schema.inputs import or_none
from graphql_api.schema.memory import Citation
from graphql_api.schema.paging import Connection, connection
from graphql_api.schema.provenance import AgentRef, Usage
from graphql_api.schema.scalars import Cursor

if TYPE_CHECKING:
    from graphql_api.schema.projects import Project


@strawberry.type(description="One node of a session's tree of messages.")
class Message:
    """A message."""

    id: strawberry.ID = strawberry.field(description="Its id, `msg_…`.")
    author: Author = strawberry.field(description="Who wrote it.")
    content: str = strawberry.field(description="The text, as far as it is written.")
    status: MessageStatus = strawberry.field(
        description="Whether it is still being written, and how it ended."
    )
    generation: int = strawberry.field(
        description="Restarts of the answer so far; deltas of an older generation are void."
    )
    agent: AgentRef | None = strawberry.field(description="Who answered; null for a question.")
    model: str | None = strawberry.field(
        description="The model that answered, as it names itself (`offline-1` is the built-in one); null for a question"
        " and until the answer ends."
    )
    citations: list[Citation] = strawberry.field(
        description="The memories that the answer used; empty for a question."
    )
    usage: Usage | None = strawberry.field(
        description="What the answer cost; null for a question and until the answer ends."
    )
    created_at: datetime = strawberry.field(
        description="When it was sent, or when its writing was asked for."
    )
    entity: strawberry.Private[entities.Message]

    @classmethod
    def of(cls, it: entities.Message) -> Message:
        """From the entity."""
        return cls(
            id=strawberry.ID(shown(Kind.MESSAGE, it.id)),
            author=it.author,
            content=it.content,
            status=it.status,
            generation=it.generation,
            agent=AgentRef.of(it.agent, it.project_id) if it.agent else None,
            model=it.model,
            citations=[Citation.of(c, it.project_id) for c in it.citations],
            usage=Usage.of(it.usage) if it.usage else None,
            created_at=it.created_at,
            entity=it,
        )

    @strawberry.field(description="What it continues; null for the first message of a branch.")
    async def parent(self, info: Info) -> Message | None:
        """The parent."""
        it = self.entity
        if it.parent_id is None:
            return None
        found = await info.context.loaders.messages.load((it.project_id, it.parent_id))
        return Message.of(found) if found else None

    @strawberry.field(description="All versions at this place, itself too, oldest first.")
    async def siblings(self, info: Info) -> list[Message]:
        """The siblings."""
        found = await info.context.loaders.siblings.load((self.entity.project_id, self.entity.id))
        return [Message.of(it) for it in found or ()]

    @strawberry.field(description="The run that it asked for, or that wrote it; null when there is none.")
    async def run(self, info: Info) -> Run | None:
        """The run."""
        it = self.entity
        return await run_by_id(info, it.project_id, it.run_id) if it.run_id else None


@strawberry.type(description="One answer being made.")
class Run:
    """A run."""

    id: strawberry.ID = strawberry.field(description="Its id, `run_…`.")
    mode: RunMode = strawberry.field(description="Who chose the agent.")
    status: RunStatus = strawberry.field(description="How far it is.")
    agent: AgentRef | None = strawberry.field(description="Who answers; null while that is not decided.")
    confidence: float | None = strawberry.field(
        description="Auto mode: how sure the choice was, 0 to 1; else null."
    )
    reason: str | None = strawberry.field(description="Auto mode: why this agent; else null.")
    problem: str | None = strawberry.field(
        description="Why it failed or was ended, for a person; null when it did not."
    )
    usage: Usage = strawberry.field(description="What was spent so far.")
    created_at: datetime = strawberry.field(description="When it was admitted.")
    started_at: datetime | None = strawberry.field(description="When an agent began; null while it waits.")
    finished_at: datetime | None = strawberry.field(description="When it ended; null until then.")
    entity: strawberry.Private[entities.Run]

    @classmethod
    def of(cls, it: entities.Run) -> Run:
        """From the entity."""
        return cls(
            id=strawberry.ID(shown(Kind.RUN, it.id)),
            mode=it.mode,
            status=it.status,
            agent=AgentRef.of(it.agent, it.project_id) if it.agent else None,
            confidence=it.confidence,
            reason=it.reason,
            problem=it.problem,
            usage=Usage.of(it.usage),
            created_at=it.created_at,
            started_at=it.started_at,
            finished_at=it.finished_at,
            entity=it,
        )

    @strawberry.field(description="Where it happens.")
    async def session(self, info: Info) -> Session:
        """The session."""
        return await _session(info, self.entity.project_id, self.entity.session_id)

    @strawberry.field(description="What is answered.")
    async def question(self, info: Info) -> Message:
        """The question."""
        found = await info.context.loaders.messages.load((self.entity.project_id, self.entity.question_id))
        if found is None:
            raise DomainNotFound("message")
        return Message.of(found)

    @strawberry.field(description="The answer, also while it is written; null when it was deleted.")
    async def answer(self, info: Info) -> Message | None:
        """The answer."""
        found = await info.context.loaders.messages.load((self.entity.project_id, self.entity.answer_id))
        return Message.of(found) if found else None


@strawberry.type(description="One chat.")
class Session:
    """A session."""

    id: strawberry.ID = strawberry.field(description="Its id, `ses_…`.")
    title: str = strawberry.field(description="What it is called, 1 to 200 characters.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When something last happened in it.")
    cursor: Cursor = strawberry.field(
        description="The newest event's position, read in the same snapshot as the rest of this query:"
        " subscribe from here."
    )
    entity: strawberry.Private[entities.Session]

    @classmethod
    def of(cls, it: entities.Session) -> Session:
        """From the entity."""
        return cls(
            id=strawberry.ID(shown(Kind.SESSION, it.id)),
            title=it.title,
            created_at=it.created_at,
            updated_at=it.updated_at,
            cursor=Cursor(it.seq),
            entity=it,
        )

    @strawberry.field(description="Where it lies.")
    async def project(self, info: Info) -> Annotated[Project, strawberry.lazy("graphql_api.schema.projects")]:
        """The project."""
        from graphql_api.schema.projects import Project

        found = await info.context.loaders.projects.load(self.entity.project_id)
        if found is None:
            raise DomainNotFound("project")
        return Project.of(found)

    @strawberry.field(
        description="The newest message of the branch that is continued by default; null in an empty session."
    )
    async def head(self, info: Info) -> Message | None:
        """The head."""
        it = self.entity
        if it.head_id is None:
            return None
        found = await info.context.loaders.messages.load((it.project_id, it.head_id))
        return Message.of(found) if found else None

    @strawberry.field(
        description="The path from the root to `leaf` (default: the head), oldest first; default: the last 50."
    )
    async def messages(
        self,
        info: Info,
        leaf: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The message that the path ends at; null is the head."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Message]:
        """Messages along a branch."""
        request = PageRequest.of(first=first, after=after, last=last, before=before)
        if first is None and after is None:
            request = PageRequest(request.size, before, backward=True)
        it = self.entity
        leaf_id = maybe(Kind.MESSAGE, leaf) if leaf is not None else it.head_id
        if leaf_id is None:
            return connection(Page((), (), has_next=False, has_previous=False, total=0), Message.of)
        page = await info.context.scope.read(
            lambda tx: tx.project(it.project_id).messages.path(it.id, leaf_id, request)
        )
        return connection(page, Message.of)

    @strawberry.field(description="Its runs, newest first.")
    async def runs(
        self,
        info: Info,
        status: Annotated[
            RunStatus | None, strawberry.argument(description="Only runs in this state; null is all.")
        ] = None,
        first: First = None,
        after: After = None,
    ) -> Connection[Run]:
        """Runs."""
        request, it, wanted = PageRequest.of(first=first, after=after), self.entity, or_none(status)
        page = await info.context.scope.read(
            lambda tx: tx.project(it.project_id).runs.page(it.id, request, status=wanted)
        )
        return connection(page, Run.of)

    @strawberry.field(description="The active agents of its project.")
    async def available_agents(self, info: Info) -> list[Agent]:
        """Agents."""
        project_id = self.entity.project_id
        found = await info.context.scope.read(lambda tx: tx.project(project_id).agents.active())
        return [Agent.of(agent) for agent in found]


async def run_by_id(info: Info, project_id: UUID, run_id: UUID) -> Run | None:
    """A run, batched with others of the operation."""
    found = await info.context.loaders.runs.load((project_id, run_id))
    return Run.of(found) if found else None


async def _session(info: Info, project_id: UUID, session_id: UUID) -> Session:
    found = await info.context.loaders.sessions.load((project_id, session_id))
    if found is None:
        raise DomainNotFound("session")
    return Session.of(found)

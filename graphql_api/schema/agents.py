"""Agents, their versions, queue and statistics."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from domain.agents import entities
from domain.errors import NotFound as DomainNotFound
from domain.pages import PageRequest
from graphql_api.context import Info
from graphql_api.schema.arguments import After, First
from graphql_api.schema.enums import AgentStatus
from graphql_api.schema.ids import Kind, shown
from graphql_api.schema.models import ModelRef
from graphql_api.schema.paging import Connection, connection

if TYPE_CHECKING:
    from graphql_api.schema.memory import AgentMemory
    from graphql_api.schema.projects import Project


@strawberry.type(description="A tool that the agent may be given.")
class AgentTool:
    """A tool."""

    name: str = strawberry.field(description="What the tool is called, such as `calculator`.")
    enabled: bool = strawberry.field(description="Whether the agent may use it.")


@strawberry.type(description="Work that waits and runs, with both bounds.")
class QueueState:
    """The agent's counters."""

    waiting: int = strawberry.field(description="Tasks that wait for a free slot.")
    waiting_limit: int = strawberry.field(
        description="Tasks that may wait; beyond it `sendMessage` answers LimitExceeded."
    )
    running: int = strawberry.field(description="Tasks that run now.")
    running_limit: int = strawberry.field(
        description="Tasks that may run at once: the agent's `concurrencyLimit`."
    )

    @classmethod
    def of(cls, queue: entities.Queue) -> QueueState:
        """From the entity."""
        return cls(
            waiting=queue.waiting,
            waiting_limit=entities.WAITING_LIMIT,
            running=queue.running,
            running_limit=queue.running_limit,
        )


@strawberry.type(description="What the agent has done; p95 over its last 100 tasks.")
class AgentStatistics:
    """Statistics."""

    processed: int = strawberry.field(description="Tasks that have ended, failures included.")
    failed: int = strawberry.field(description="Tasks that have failed.")
    error_rate: float = strawberry.field(
        description="`failed` of `processed`, 0 to 1; 0 before the first task."
    )
    mean_seconds: float | None = strawberry.field(
        description="Mean seconds from claim to end; null before the first task."
    )
    p95_seconds: float | None = strawberry.field(
        description="95th percentile of seconds from claim to end; null before the first task."
    )
    last_active_at: datetime | None = strawberry.field(
        description="When it last ended a task; null before the first."
    )

    @classmethod
    def of(cls, done: entities.AgentStatistics) -> AgentStatistics:
        """From the entity."""
        return cls(
            processed=done.processed,
            failed=done.failed,
            error_rate=done.error_rate,
            mean_seconds=done.mean_s,
            p95_seconds=done.p95_s,
            last_active_at=done.last_active_at,
        )


@strawberry.type(description="What an agent and each of its versions consist of.")
class AgentSettings:
    """Settings."""

    name: str = strawberry.field(description="What people call it, 1 to 80 characters.")
    handle: str = strawberry.field(
        description="Called as @handle; unique in the project, compared after NFC and case folding."
    )
    role: str = strawberry.field(description="Its job in a line of at most 200 characters; may be empty.")
    capabilities: list[str] = strawberry.field(
        description="What it is good at: at most 20 phrases of 60 characters. Requests without a target"
        " go by them."
    )
    system_prompt: str = strawberry.field(
        description="What each of its model calls begins with, at most 20,000 characters; may be empty."
    )
    model: ModelRef = strawberry.field(description="The model that answers.")
    temperature: float = strawberry.field(description="How freely the model chooses its words, 0 to 2.")
    max_tokens: int = strawberry.field(description="The longest answer in tokens, 1 to 128,000.")
    concurrency_limit: int = strawberry.field(description="Tasks that it runs at once, 1 to 10.")
    tools: list[AgentTool] = strawberry.field(description="The tools that it was given, at most 32.")


def _settings(settings: entities.AgentSettings) -> dict[str, object]:
    return {
        "name": settings.name,
        "handle": settings.handle,
        "role": settings.role,
        "capabilities": list(settings.capabilities),
        "system_prompt": settings.system_prompt,
        "model": ModelRef.of(settings.model),
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "concurrency_limit": settings.concurrency_limit,
        "tools": [AgentTool(name=t.name, enabled=t.enabled) for t in settings.tools],
    }


@strawberry.type(description="An agent's settings as they were.")
class AgentVersion(AgentSettings):
    """A version."""

    version: int = strawberry.field(description="Counts from 1.")
    created_at: datetime = strawberry.field(description="When this version was saved.")

    @classmethod
    def of(cls, it: entities.AgentVersion) -> AgentVersion:
        """From the entity."""
        return cls(version=it.version, created_at=it.created_at, **_settings(it.settings))  # type: ignore[arg-type]  # by name


@strawberry.type(description="One of your agents, at its current version.")
class Agent(AgentSettings):
    """An agent."""

    id: strawberry.ID = strawberry.field(description="Its id, `agt_…`.")
    status: AgentStatus = strawberry.field(description="Whether it can take work now.")
    is_active: bool = strawberry.field(
        description="Whether it takes new messages; one that is switched off answers Conflict."
    )
    version: int = strawberry.field(
        description="Counts from 1, one more with each change; `updateAgent` wants it as `expectedVersion`."
    )
    queue: QueueState = strawberry.field(description="What waits and runs.")
    created_at: datetime = strawberry.field(description="When version 1 was saved.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    key: strawberry.Private[UUID]
    project_key: strawberry.Private[UUID]

    @classmethod
    def of(cls, it: entities.Agent) -> Agent:
        """From the entity."""
        return _AgentOf(it)

    @strawberry.field(description="What it has done.")
    async def statistics(self, info: Info) -> AgentStatistics:
        """Statistics."""
        done = await info.context.loaders.statistics.load((self.project_key, self.key))
        return AgentStatistics.of(done or entities.AgentStatistics(0, 0, None, None, None))

    @strawberry.field(description="What it remembers.")
    def memory(self, info: Info) -> Annotated[AgentMemory, strawberry.lazy("graphql_api.schema.memory")]:
        """Its memory."""
        from graphql_api.schema.memory import AgentMemory

        services = info.context.services
        return AgentMemory(
            limit=services.memory_limit,
            embedder=services.recall.embedder,
            key=self.key,
            project_key=self.project_key,
        )

    @strawberry.field(description="Its versions, newest first.")
    async def versions(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[AgentVersion]:
        """Versions."""
        request = PageRequest.of(first=first, after=after)
        page = await info.context.scope.read(
            lambda tx: tx.project(self.project_key).agents.versions(self.key, request)
        )
        return connection(page, AgentVersion.of)

    @strawberry.field(description="Where it lives.")
    async def project(self, info: Info) -> Annotated[Project, strawberry.lazy("graphql_api.schema.projects")]:
        """The project."""
        from graphql_api.schema.projects import Project

        found = await info.context.loaders.projects.load(self.project_key)
        if found is None:
            raise DomainNotFound("project")
        return Project.of(found)


class _AgentOf(Agent):
    """An agent of which only what costs nothing is made at once: lists of agents are read often, and few fields of each."""

    def __init__(self, it: entities.Agent) -> None:
        settings = it.settings
        self.id = strawberry.ID(shown(Kind.AGENT, it.id))
        self.name = settings.name
        self.handle = settings.handle
        self.role = settings.role
        self.system_prompt = settings.system_prompt
        self.temperature = settings.temperature
        self.max_tokens = settings.max_tokens
        self.concurrency_limit = settings.concurrency_limit
        self.is_active = it.is_active
        self.version = it.version
        self.created_at = it.created_at
        self.updated_at = it.updated_at
        self.key = it.id
        self.project_key = it.project_id
        self._entity = it

    @cached_property
    def status(self) -> AgentStatus:  # type: ignore[override]  # read like the attributes that they stand for
        """By its counters."""
        return self._entity.queue.status

    @cached_property
    def queue(self) -> QueueState:  # type: ignore[override]
        """Its counters."""
        return QueueState.of(self._entity.queue)

    @cached_property
    def capabilities(self) -> list[str]:  # type: ignore[override]
        """As a list of its own."""
        return list(self._entity.settings.capabilities)

    @cached_property
    def model(self) -> ModelRef:  # type: ignore[override]
        """The model."""
        return ModelRef.of(self._entity.settings.model)

    @cached_property
    def tools(self) -> list[AgentTool]:  # type: ignore[override]
        """The tools."""
        return [AgentTool(name=tool.name, enabled=tool.enabled) for tool in self._entity.settings.tools]

"""Agents, their versions, queue and statistics."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from domain.agents import entities
from domain.agents import inputs as domain_inputs
from domain.agents.create import create_agent
from domain.agents.delete import delete_agent
from domain.agents.restore import restore_agent_version
from domain.agents.update import update_agent
from domain.bus.close import close_task
from domain.errors import NotFound as DomainNotFound
from domain.pages import PageRequest
from graphql_api.context import Info
from graphql_api.schema.deleted import Deleted
from graphql_api.schema.enums import AgentStatus
from graphql_api.schema.ids import Kind, parsed, shown
from graphql_api.schema.inputs import value_of
from graphql_api.schema.models import ModelInput, ModelRef
from graphql_api.schema.paging import Connection, connection
from graphql_api.schema.problems import Conflict, Invalid, LimitExceeded, NotFound, answered

if TYPE_CHECKING:
    from graphql_api.schema.projects import Project

AGENT_GONE = "Its agent was deleted."


@strawberry.type(description="A tool that the agent may be given.")
class AgentTool:
    """A tool."""

    name: str
    enabled: bool


@strawberry.type(description="Work that waits and runs, with both bounds.")
class QueueState:
    """The agent's counters."""

    waiting: int
    waiting_limit: int
    running: int
    running_limit: int

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

    processed: int
    failed: int
    error_rate: float
    mean_seconds: float | None
    p95_seconds: float | None
    last_active_at: datetime | None

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

    name: str
    handle: str = strawberry.field(
        description="Called as @handle; unique in the project, compared after NFC and case folding."
    )
    role: str
    capabilities: list[str]
    system_prompt: str
    model: ModelRef
    temperature: float
    max_tokens: int
    concurrency_limit: int
    tools: list[AgentTool]


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

    version: int
    created_at: datetime

    @classmethod
    def of(cls, it: entities.AgentVersion) -> AgentVersion:
        """From the entity."""
        return cls(version=it.version, created_at=it.created_at, **_settings(it.settings))  # type: ignore[arg-type]  # by name


@strawberry.type(description="One of your agents, at its current version.")
class Agent(AgentSettings):
    """An agent."""

    id: strawberry.ID
    status: AgentStatus
    is_active: bool
    version: int
    queue: QueueState
    created_at: datetime
    updated_at: datetime
    key: strawberry.Private[UUID]
    project_key: strawberry.Private[UUID]

    @classmethod
    def of(cls, it: entities.Agent) -> Agent:
        """From the entity."""
        return cls(
            id=strawberry.ID(shown(Kind.AGENT, it.id)),
            status=it.queue.status,
            is_active=it.is_active,
            version=it.version,
            queue=QueueState.of(it.queue),
            created_at=it.created_at,
            updated_at=it.updated_at,
            key=it.id,
            project_key=it.project_id,
            **_settings(it.settings),  # type: ignore[arg-type]  # by name
        )

    @strawberry.field(description="What it has done.")
    async def statistics(self, info: Info) -> AgentStatistics:
        """Statistics."""
        done = await info.context.loaders.statistics.load((self.project_key, self.key))
        return AgentStatistics.of(done or entities.AgentStatistics(0, 0, None, None, None))

    @strawberry.field(description="Its versions, newest first.")
    async def versions(
        self, info: Info, first: int | None = None, after: str | None = None
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


@strawberry.type(description="The agent was saved as a new version.")
class AgentSaved:
    """Saved."""

    agent: Agent

    @classmethod
    def of(cls, agent: entities.Agent) -> AgentSaved:
        """From the entity."""
        return cls(agent=Agent.of(agent))


CreateAgentResult = Annotated[
    AgentSaved | NotFound | Invalid | Conflict | LimitExceeded, strawberry.union("CreateAgentResult")
]
UpdateAgentResult = Annotated[
    AgentSaved | NotFound | Invalid | Conflict, strawberry.union("UpdateAgentResult")
]
DeleteAgentResult = Annotated[Deleted | NotFound, strawberry.union("DeleteAgentResult")]


@strawberry.input(description="A tool and whether the agent may use it.")
class AgentToolInput:
    """A tool."""

    name: str
    enabled: bool


@strawberry.input(description="A name is needed to create; absent fields keep their value or default.")
class AgentInput:
    """An agent."""

    name: str | None = strawberry.UNSET
    handle: str | None = strawberry.UNSET
    role: str | None = strawberry.UNSET
    capabilities: list[str] | None = strawberry.UNSET
    system_prompt: str | None = strawberry.UNSET
    model: ModelInput | None = strawberry.UNSET
    temperature: float | None = strawberry.UNSET
    max_tokens: int | None = strawberry.UNSET
    concurrency_limit: int | None = strawberry.UNSET
    tools: list[AgentToolInput] | None = strawberry.UNSET
    is_active: bool | None = strawberry.UNSET

    @property
    def entity(self) -> domain_inputs.AgentInput:
        """As the domain has it."""
        capabilities, model, tools = (
            value_of(self.capabilities),
            value_of(self.model),
            value_of(self.tools),
        )
        return domain_inputs.AgentInput(
            name=value_of(self.name),
            handle=value_of(self.handle),
            role=value_of(self.role),
            capabilities=tuple(capabilities) if isinstance(capabilities, list) else capabilities,
            system_prompt=value_of(self.system_prompt),
            model=model.entity if isinstance(model, ModelInput) else model,
            temperature=value_of(self.temperature),
            max_tokens=value_of(self.max_tokens),
            concurrency_limit=value_of(self.concurrency_limit),
            tools=tuple(entities.AgentTool(t.name, t.enabled) for t in tools)
            if isinstance(tools, list)
            else tools,
            is_active=value_of(self.is_active),
        )


@strawberry.type
class AgentMutation:
    """Mutations of agents."""

    @strawberry.mutation(description="A new agent at version 1.")
    async def create_agent(
        self, info: Info, project_id: strawberry.ID, input: AgentInput
    ) -> CreateAgentResult:
        """Create."""
        context, project = info.context, parsed(Kind.PROJECT, project_id)
        created = create_agent(context.scope, project, input.entity, new_id=context.services.new_id)
        return await answered(info, created, AgentSaved.of)

    @strawberry.mutation(description="Make a new version. `expectedVersion` guards against newer edits.")
    async def update_agent(
        self, info: Info, id: strawberry.ID, expected_version: int, input: AgentInput
    ) -> UpdateAgentResult:
        """Update."""
        updated = update_agent(
            info.context.scope, parsed(Kind.AGENT, id), input.entity, expected_version=expected_version
        )
        return await answered(info, updated, AgentSaved.of)

    @strawberry.mutation(description="Make a new version with the settings of an earlier one.")
    async def restore_agent_version(self, info: Info, id: strawberry.ID, version: int) -> UpdateAgentResult:
        """Restore."""
        restored = restore_agent_version(info.context.scope, parsed(Kind.AGENT, id), version=version)
        return await answered(info, restored, AgentSaved.of)

    @strawberry.mutation(description="Delete an agent; its messages stay, what it has open is cancelled.")
    async def delete_agent(self, info: Info, id: strawberry.ID) -> DeleteAgentResult:
        """Delete."""
        deleted = delete_agent(
            info.context.scope, parsed(Kind.AGENT, id), cancel=partial(close_task, problem=AGENT_GONE)
        )
        return await answered(info, deleted, partial(Deleted.of, id))

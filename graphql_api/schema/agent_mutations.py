"""Mutations of agents."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import strawberry

from domain.agents import entities
from domain.agents import inputs as domain_inputs
from domain.agents.create import create_agent
from domain.agents.delete import delete_agent
from domain.agents.restore import restore_agent_version
from domain.agents.update import update_agent
from domain.bus.close import close_task
from graphql_api.context import Info
from graphql_api.schema.agents import Agent
from graphql_api.schema.arguments import AgentId, ProjectId
from graphql_api.schema.deleted import Deleted
from graphql_api.schema.ids import Kind, parsed
from graphql_api.schema.inputs import value_of
from graphql_api.schema.models import ModelInput
from graphql_api.schema.problems import Conflict, Invalid, LimitExceeded, NotFound, answered

AGENT_GONE = "Its agent was deleted."


@strawberry.type(description="The agent was saved as a new version.")
class AgentSaved:
    """Saved."""

    agent: Agent = strawberry.field(description="The agent as it is now.")

    @classmethod
    def of(cls, agent: entities.Agent) -> AgentSaved:
        """From the entity."""
        return cls(agent=Agent.of(agent))


CreateAgentResult = Annotated[
    AgentSaved | NotFound | Invalid | Conflict | LimitExceeded,
    strawberry.union("CreateAgentResult", description="The new agent, or why there is none."),
]
UpdateAgentResult = Annotated[
    AgentSaved | NotFound | Invalid | Conflict,
    strawberry.union("UpdateAgentResult", description="The changed agent, or why it stays as it was."),
]
DeleteAgentResult = Annotated[
    Deleted | NotFound,
    strawberry.union("DeleteAgentResult", description="What was deleted, or why nothing was."),
]


@strawberry.input(description="A tool and whether the agent may use it.")
class AgentToolInput:
    """A tool."""

    name: str = strawberry.field(
        description="What the tool is called; an unknown name is refused with those there are."
    )
    enabled: bool = strawberry.field(description="Whether the agent may use it.")


@strawberry.input(
    description="A name is needed to create; fields that are absent or null keep their value or default."
)
class AgentInput:
    """An agent."""

    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="What people call it, 1 to 80 characters; needed to create."
    )
    handle: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Called as @handle: 1 to 40 letters, digits, _ and -,"
        " unique in the project. A new agent's is derived from its name.",
    )
    role: str | None = strawberry.field(
        default=strawberry.UNSET, description="Its job in a line of at most 200 characters; empty by default."
    )
    capabilities: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="What it is good at: at most 20 phrases of 60 characters; replaces the whole list.",
    )
    system_prompt: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="What each of its model calls begins with, at most 20,000 characters; empty by default.",
    )
    model: ModelInput | None = strawberry.field(
        default=strawberry.UNSET, description="The model that answers; codelab/default by default."
    )
    temperature: float | None = strawberry.field(
        default=strawberry.UNSET,
        description="How freely the model chooses its words, 0 to 2; 0.7 by default.",
    )
    max_tokens: int | None = strawberry.field(
        default=strawberry.UNSET, description="The longest answer in tokens, 1 to 128,000; 4,096 by default."
    )
    concurrency_limit: int | None = strawberry.field(
        default=strawberry.UNSET, description="Tasks that it runs at once, 1 to 10; 3 by default."
    )
    tools: list[AgentToolInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description="The tools that it is given, at most 32; replaces the whole list.",
    )
    is_active: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether it takes new messages; true by default."
    )

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
        self,
        info: Info,
        project_id: ProjectId,
        input: Annotated[AgentInput, strawberry.argument(description="What it shall be; a name is needed.")],
    ) -> CreateAgentResult:
        """Create."""
        context, project = info.context, parsed(Kind.PROJECT, project_id)
        created = create_agent(context.scope, project, input.entity, new_id=context.services.new_id)
        return await answered(info, created, AgentSaved.of)

    @strawberry.mutation(description="Make a new version. `expectedVersion` guards against newer edits.")
    async def update_agent(
        self,
        info: Info,
        id: AgentId,
        expected_version: Annotated[
            int,
            strawberry.argument(
                description="The version that you have read; when it is not the present one, the answer is Conflict."
            ),
        ],
        input: Annotated[
            AgentInput, strawberry.argument(description="What shall change; absent fields stay.")
        ],
    ) -> UpdateAgentResult:
        """Update."""
        updated = update_agent(
            info.context.scope, parsed(Kind.AGENT, id), input.entity, expected_version=expected_version
        )
        return await answered(info, updated, AgentSaved.of)

    @strawberry.mutation(description="Make a new version with the settings of an earlier one.")
    async def restore_agent_version(
        self,
        info: Info,
        id: AgentId,
        version: Annotated[int, strawberry.argument(description="The version whose settings are taken.")],
    ) -> UpdateAgentResult:
        """Restore."""
        restored = restore_agent_version(info.context.scope, parsed(Kind.AGENT, id), version=version)
        return await answered(info, restored, AgentSaved.of)

    @strawberry.mutation(description="Delete an agent; its messages stay, what it has open is cancelled.")
    async def delete_agent(self, info: Info, id: AgentId) -> DeleteAgentResult:
        """Delete."""
        deleted = delete_agent(
            info.context.scope, parsed(Kind.AGENT, id), cancel=partial(close_task, problem=AGENT_GONE)
        )
        return await answered(info, deleted, partial(Deleted.of, id))

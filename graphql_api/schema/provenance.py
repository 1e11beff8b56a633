"""What an answer tells about itself: who gave it, from which memories, for how much."""

from __future__ import annotations

from uuid import UUID

import strawberry

from domain.conversations import entities
from graphql_api.context import Info
from graphql_api.schema.agents import Agent
from graphql_api.schema.ids import Kind, shown
from graphql_api.schema.scalars import MicroUSD


@strawberry.type(description="The agent as it was: still readable when the agent is gone.")
class AgentRef:
    """An agent at a version."""

    id: strawberry.ID = strawberry.field(description="Its id, `agt_…`.")
    name: str = strawberry.field(description="What it was called.")
    handle: str = strawberry.field(description="How it was called, without @.")
    version: int = strawberry.field(description="Which of its versions answered.")
    key: strawberry.Private[UUID]
    project_key: strawberry.Private[UUID | None] = None

    @classmethod
    def of(cls, ref: entities.AgentRef, project_id: UUID | None = None) -> AgentRef:
        """From the entity."""
        return cls(
            id=strawberry.ID(shown(Kind.AGENT, ref.id)),
            name=ref.name,
            handle=ref.handle,
            version=ref.version,
            key=ref.id,
            project_key=project_id,
        )

    @strawberry.field(description="The agent as it is now, null when it is gone.")
    async def agent(self, info: Info) -> Agent | None:
        """The agent."""
        project_id = self.project_key
        if project_id is None:
            project_id = await info.context.scope.read(lambda tx: tx.projects.of_agent(self.key))
        if project_id is None:
            return None
        found = await info.context.loaders.agents.load((project_id, self.key))
        return Agent.of(found) if found else None


@strawberry.type(description="What was spent.")
class Usage:
    """Usage."""

    input_tokens: int = strawberry.field(description="Tokens that models were given.")
    output_tokens: int = strawberry.field(description="Tokens that models wrote.")
    cost: MicroUSD = strawberry.field(
        description="Price of the model calls in micro-USD; 0 where none is known."
    )
    model_calls: int = strawberry.field(description="Calls of models that gave an answer.")
    seconds: float = strawberry.field(description="Seconds from claim to end.")

    @classmethod
    def of(cls, it: entities.Usage) -> Usage:
        """From the entity."""
        return cls(
            input_tokens=it.input_tokens,
            output_tokens=it.output_tokens,
            cost=MicroUSD(it.cost_micro_usd),
            model_calls=it.model_calls,
            seconds=it.seconds,
        )

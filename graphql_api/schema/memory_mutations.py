"""Mutations of what an agent remembers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from domain.memory import entities
from domain.memory.edit import edit_memory, pin_memory
from domain.memory.forget import clear_memory, forget_memory
from graphql_api.context import Info
from graphql_api.schema.arguments import AgentId
from graphql_api.schema.deleted import Deleted
from graphql_api.schema.ids import Kind, parsed
from graphql_api.schema.inputs import or_none
from graphql_api.schema.memory import Memory
from graphql_api.schema.problems import Invalid, LimitExceeded, NotFound, answered

MemoryId = Annotated[strawberry.ID, strawberry.argument(description="Which memory.")]
MemoryText = Annotated[
    str, strawberry.argument(description="What to remember, 1 to 8,000 characters without spaces around.")
]


@strawberry.type(description="The memory was saved.")
class MemorySaved:
    """Saved."""

    memory: Memory = strawberry.field(
        description="The memory as it is now; `indexed` is false when searches do not find it yet."
    )

    @classmethod
    def of(cls, memory: entities.Memory) -> MemorySaved:
        """From the entity."""
        return cls(memory=Memory.of(memory))


@strawberry.type(description="The agent remembers nothing any more.")
class MemoryCleared:
    """Cleared."""

    count: int = strawberry.field(description="Memories that were forgotten.")


RememberResult = Annotated[
    MemorySaved | NotFound | Invalid | LimitExceeded,
    strawberry.union("RememberResult", description="The memory, or why there is none."),
]
EditMemoryResult = Annotated[
    MemorySaved | NotFound | Invalid,
    strawberry.union("EditMemoryResult", description="The changed memory, or why it stays as it was."),
]
PinMemoryResult = Annotated[
    MemorySaved | NotFound,
    strawberry.union("PinMemoryResult", description="The memory, or why there is none."),
]
ForgetMemoryResult = Annotated[
    Deleted | NotFound,
    strawberry.union("ForgetMemoryResult", description="What was forgotten, or why nothing was."),
]
ClearMemoryResult = Annotated[
    MemoryCleared | NotFound,
    strawberry.union("ClearMemoryResult", description="How much was forgotten, or why nothing was."),
]


@strawberry.type
class MemoryMutation:
    """Changes of memories."""

    @strawberry.mutation(
        description="Write a note into an agent's memory. Answers once searches find it, or after two seconds."
    )
    async def remember(
        self,
        info: Info,
        agent_id: AgentId,
        text: MemoryText,
        importance: Annotated[
            float | None, strawberry.argument(description="How much it counts, 0 to 1; null is 0.8.")
        ] = None,
    ) -> RememberResult:
        """Remember."""
        context = info.context
        noted = context.services.remember.note(
            context.scope, parsed(Kind.AGENT, agent_id), text, importance=or_none(importance)
        )
        return await answered(info, noted, MemorySaved.of)

    @strawberry.mutation(
        description="Give a memory another text. Answers once searches find it, or after two seconds."
    )
    async def edit_memory(self, info: Info, memory_id: MemoryId, text: MemoryText) -> EditMemoryResult:
        """Edit."""
        edited = edit_memory(info.context.scope, parsed(Kind.MEMORY, memory_id), text)
        return await answered(info, edited, MemorySaved.of)

    @strawberry.mutation(description="Keep a memory from pruning, or not any more.")
    async def pin_memory(
        self,
        info: Info,
        memory_id: MemoryId,
        pinned: Annotated[bool, strawberry.argument(description="Whether pruning leaves it alone.")],
    ) -> PinMemoryResult:
        """Pin."""
        saved = pin_memory(info.context.scope, parsed(Kind.MEMORY, memory_id), pinned=pinned)
        return await answered(info, saved, MemorySaved.of)

    @strawberry.mutation(description="Forget one memory for good.")
    async def forget_memory(self, info: Info, memory_id: MemoryId) -> ForgetMemoryResult:
        """Forget."""
        forgotten = forget_memory(info.context.scope, parsed(Kind.MEMORY, memory_id))
        return await answered(info, forgotten, lambda _: Deleted.of(memory_id, cancelled_tasks=0))

    @strawberry.mutation(description="Forget all that an agent remembers, pinned or not, for good.")
    async def clear_memory(self, info: Info, agent_id: AgentId) -> ClearMemoryResult:
        """Clear."""
        key: UUID = parsed(Kind.AGENT, agent_id)
        return await answered(
            info, clear_memory(info.context.scope, key), lambda count: MemoryCleared(count=count)
        )

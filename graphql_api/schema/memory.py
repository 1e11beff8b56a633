"""What an agent remembers, and the memories that an answer cites."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from domain.conversations import entities as conversations
from domain.errors import FieldProblem, Invalid
from domain.memory import entities
from domain.memory.recall import Question
from domain.memory.validate import checked_query
from domain.pages import MAX_PAGE, PageRequest
from graphql_api.context import Info
from graphql_api.schema.arguments import After, First
from graphql_api.schema.enums import MemoryKind
from graphql_api.schema.ids import Kind, parsed, shown
from graphql_api.schema.inputs import or_none
from graphql_api.schema.paging import Connection, connection

if TYPE_CHECKING:
    from graphql_api.schema.conversations import Message, Session

DEFAULT_HITS = 10
EXCERPT = 280
"""Characters of a memory that an answer's citation shows."""


@strawberry.type(description="One thing that an agent remembers.")
class Memory:
    """A memory."""

    id: strawberry.ID = strawberry.field(description="Its id, `mem_…`.")
    text: str = strawberry.field(description="What is remembered, word for word.")
    kind: MemoryKind = strawberry.field(description="Where it comes from.")
    importance: float = strawberry.field(description="How much it counts beside how well it fits, 0 to 1.")
    pinned: bool = strawberry.field(description="Whether pruning leaves it alone.")
    indexed: bool = strawberry.field(
        description="Whether searches find it as it is now; false for a moment after each change."
    )
    created_at: datetime = strawberry.field(description="When it was remembered.")
    last_used_at: datetime | None = strawberry.field(
        description="When an answer last used it; null when none has."
    )
    uses: int = strawberry.field(description="Answers that used it.")
    entity: strawberry.Private[entities.Memory]

    @classmethod
    def of(cls, it: entities.Memory) -> Memory:
        """From the entity."""
        return cls(
            id=strawberry.ID(shown(Kind.MEMORY, it.id)),
            text=it.text,
            kind=it.kind,
            importance=it.importance,
            pinned=it.pinned,
            indexed=it.indexed,
            created_at=it.created_at,
            last_used_at=it.last_used_at,
            uses=it.uses,
            entity=it,
        )

    @strawberry.field(description="The answer that it comes from; null for a note.")
    async def source(
        self, info: Info
    ) -> Annotated[Message, strawberry.lazy("graphql_api.schema.conversations")] | None:
        """The answer."""
        from graphql_api.schema.conversations import Message

        message_id = self.entity.source.message_id
        if message_id is None:
            return None
        found = await info.context.loaders.messages.load((self.entity.project_id, message_id))
        return Message.of(found) if found else None

    @strawberry.field(description="The session that it comes from; null for a note.")
    async def session(
        self, info: Info
    ) -> Annotated[Session, strawberry.lazy("graphql_api.schema.conversations")] | None:
        """The session."""
        from graphql_api.schema.conversations import Session

        session_id = self.entity.source.session_id
        if session_id is None:
            return None
        found = await info.context.loaders.sessions.load((self.entity.project_id, session_id))
        return Session.of(found) if found else None

    @strawberry.field(
        description="The newer memory that says otherwise; searches find that one only. Null while none does."
    )
    async def superseded_by(self, info: Info) -> Memory | None:
        """The newer one."""
        newer = self.entity.superseded_by
        if newer is None:
            return None
        found = await info.context.loaders.memories.load((self.entity.project_id, newer))
        return Memory.of(found) if found else None


@strawberry.type(description="A memory that a search found.")
class MemoryHit:
    """A hit."""

    memory: Memory = strawberry.field(description="The memory.")
    score: float = strawberry.field(description="How well it fits, 0 to 1; comparable within one search.")


@strawberry.input(description="Which memories are meant; what is absent or null does not restrict.")
class MemoryFilter:
    """A filter."""

    session_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only what was learned in this session."
    )
    kind: MemoryKind | None = strawberry.field(default=None, description="Only memories of this kind.")
    success: bool | None = strawberry.field(
        default=None, description="Only what succeeded, or only what failed."
    )
    from_: datetime | None = strawberry.field(
        default=None, name="from", description="Only what was remembered then or later."
    )
    to: datetime | None = strawberry.field(default=None, description="Only what was remembered before.")
    text: str | None = strawberry.field(
        default=None, description="Only memories that contain this text, in any case; for `entries` alone."
    )

    @property
    def entity(self) -> entities.MemoryFilter:
        """As the domain has it."""
        return entities.MemoryFilter(
            session_id=parsed(Kind.SESSION, self.session_id) if self.session_id else None,
            kind=self.kind,
            success=self.success,
            since=self.from_,
            until=self.to,
            text=self.text,
        )


Filter = Annotated[
    MemoryFilter | None, strawberry.argument(description="Which memories are meant; null is all of them.")
]


@strawberry.type(description="What an agent remembers.")
class AgentMemory:
    """One agent's memory."""

    limit: int = strawberry.field(description="Memories that it may have; the least valuable go before.")
    embedder: str = strawberry.field(
        description="What compares meanings in searches now: a model, or words alone (lexical). While memories move to"
        " another model, it is the one before."
    )
    key: strawberry.Private[UUID]
    project_key: strawberry.Private[UUID]

    @strawberry.field(description="Memories that it has.")
    async def count(self, info: Info) -> int:
        """How many."""
        return await info.context.scope.read(lambda tx: tx.project(self.project_key).memories.count(self.key))

    @strawberry.field(
        description="The memories that fit a question best, by words and by meaning, the best first."
        " Superseded ones are not among them."
    )
    async def search(
        self,
        info: Info,
        query: Annotated[str, strawberry.argument(description="What to look for, 1 to 2,000 characters.")],
        first: Annotated[
            int | None, strawberry.argument(description="How many to find, 1 to 100; null is 10.")
        ] = None,
        filter: Filter = None,
    ) -> list[MemoryHit]:
        """Search."""
        context, wanted = info.context, or_none(filter)
        question = Question(
            self.project_key,
            self.key,
            checked_query(query),
            wanted.entity if wanted else entities.MemoryFilter(),
            _count(or_none(first)),
        )
        found = await context.services.recall(context.scope, question)
        return [MemoryHit(memory=Memory.of(it.memory), score=it.score) for it in found]

    @strawberry.field(description="All memories, the newest first.")
    async def entries(
        self, info: Info, filter: Filter = None, first: First = None, after: After = None
    ) -> Connection[Memory]:
        """A page."""
        wanted = or_none(filter)
        meant = wanted.entity if wanted else entities.MemoryFilter()
        request = PageRequest.of(first=first, after=after)
        page = await info.context.scope.read(
            lambda tx: tx.project(self.project_key).memories.page(self.key, meant, request)
        )
        return connection(page, Memory.of)


@strawberry.type(description="A memory that an answer was given with.")
class Citation:
    """A citation."""

    memory_id: strawberry.ID = strawberry.field(description="Which memory, `mem_…`.")
    score: float = strawberry.field(description="How well it fits the question, 0 to 1.")
    entity: strawberry.Private[conversations.Citation]
    project_key: strawberry.Private[UUID | None] = None

    @classmethod
    def of(cls, it: conversations.Citation, project_id: UUID | None = None) -> Citation:
        """From the entity."""
        memory_id = strawberry.ID(shown(Kind.MEMORY, it.memory_id))
        return cls(memory_id=memory_id, score=it.score, entity=it, project_key=project_id)

    @strawberry.field(description="The memory; null once it is forgotten.")
    async def memory(self, info: Info) -> Memory | None:
        """The memory."""
        found = await self._found(info)
        return Memory.of(found) if found else None

    @strawberry.field(description="How the memory begins; empty once it is forgotten.")
    async def excerpt(self, info: Info) -> str:
        """Its beginning."""
        found = await self._found(info)
        return found.text[:EXCERPT] if found else ""

    async def _found(self, info: Info) -> entities.Memory | None:
        project_id = self.project_key
        if project_id is None:
            memory_id = self.entity.memory_id
            project_id = await info.context.scope.read(lambda tx: tx.projects.of_memory(memory_id))
        if project_id is None:
            return None
        return await info.context.loaders.memories.load((project_id, self.entity.memory_id))


def _count(first: int | None) -> int:
    if first is None:
        return DEFAULT_HITS
    if not 1 <= first <= MAX_PAGE:
        raise Invalid(FieldProblem(("first",), f"A search finds 1 to {MAX_PAGE} memories."))
    return first

"""Finding memories again: for the user's search, and for an agent that is about to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from domain.memory.entities import MAX_QUERY, MemoryFilter, Recalled
from domain.memory.ports import (
    IndexHit,
    IndexQuery,
    IndexUnavailable,
    Likeness,
    MemoryIndex,
    Tenant,
    Vector,
)
from domain.memory.rank import ranked
from domain.memory.serving import Collections, Served
from domain.ports import Clock
from domain.scopes import UserScope, UserTx

CANDIDATES = 6
"""How many hits the index is asked for, for each memory that is wanted: some are gone, superseded or re-ranked."""
LEAST_CANDIDATES = 30
EMBEDDING_S = 2.0
"""The longest wait for the query's vector; an answer is made without memory then."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to find in one agent's memory."""

    project_id: UUID
    agent_id: UUID
    text: str
    filter: MemoryFilter = MemoryFilter()
    count: int = 5


class Recall:
    """Asks the index and reads what it finds inside the owner's scope: the index is never believed about text."""

    def __init__(self, *, index: MemoryIndex, collections: Collections, clock: Clock) -> None:
        self._index = index
        self._collections = collections
        self._clock = clock

    @property
    def embedder(self) -> str:
        """What compares meanings, as people are told: the model of the collection that serves."""
        return self._collections.label

    async def __call__(self, scope: UserScope, question: Question) -> Sequence[Recalled]:
        """The best memories, the best first; superseded ones are not among them.

        Raises:
            IndexUnavailable: the index does not answer in time. EmbeddingFailed: the query got no vector.
        """
        if not (hits := await self.hits(scope, question)):
            return ()
        found = await scope.read_once(lambda tx: self.memories(tx, question, hits))
        return found[: question.count]

    async def hits(self, scope: UserScope, question: Question) -> Sequence[IndexHit]:
        """What the index finds; keys, to be read inside the scope."""
        tenant = Tenant(scope.user_id, question.project_id, question.agent_id)
        text = question.text[:MAX_QUERY]
        serving = await self._collections.serving()
        query = replace(_query(question, text), dense=await _vector(serving, text))
        return await self._index.search(serving.space, tenant, query)

    async def alike(self, tenant: Tenant, text: str, *, limit: int) -> Sequence[Likeness]:
        """The memories whose meaning is nearest to a text's; keys, to be read inside the scope.

        Raises:
            IndexUnavailable: the index does not answer in time. EmbeddingFailed: the text got no vector.
        """
        serving = await self._collections.serving()
        return await self._index.alike(serving.space, tenant, await _vector(serving, text), limit=limit)

    def memories(self, tx: UserTx, question: Question, hits: Sequence[IndexHit]) -> Sequence[Recalled]:
        """All memories behind hits, the best first; those that are another agent's or gone are left out."""
        memories = tx.project(question.project_id).memories.many([hit.memory_id for hit in hits])
        found = [
            Recalled(memory, hit.score)
            for hit in hits
            if (memory := memories.get(hit.memory_id)) is not None
            and memory.agent_id == question.agent_id
            and memory.superseded_by is None
        ]
        return ranked(found, now=self._clock())


async def _vector(serving: Served, text: str) -> Vector:
    try:
        async with asyncio.timeout(EMBEDDING_S):
            (dense,) = await serving.embed([text])
    except TimeoutError:
        raise IndexUnavailable("The query could not be compared in time.") from None
    return dense


def _query(question: Question, text: str) -> IndexQuery:
    wanted = question.filter
    return IndexQuery(
        text=text,
        dense=(),
        limit=max(LEAST_CANDIDATES, CANDIDATES * question.count),
        session_id=wanted.session_id,
        kind=wanted.kind,
        success=wanted.success,
        since=wanted.since,
        until=wanted.until,
    )

"""Puts memory together: what compares texts, the index of the matrix, and what keeps both up to date."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from domain.memory.judge import Judge
from domain.memory.ports import IndexUnavailable
from domain.memory.projector import Projector
from domain.memory.prune import Prune
from domain.memory.rebuild import Rebuild
from domain.memory.recall import Recall
from domain.memory.reindex import Reindex
from domain.memory.remember import Remember
from domain.memory.remind import Remind
from domain.memory.rerank import Rerank
from domain.memory.review import Review
from domain.memory.serving import Collections
from graphql_api.app.embedders import Embedders
from graphql_api.app.identity import new_id
from graphql_api.app.observed_index import ObservedIndex
from graphql_api.app.stores import utc_now
from persistence.collections import SqlCollectionStore
from persistence.memory.absent_index import AbsentIndex
from persistence.unowned_reviews import UnownedReviews

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from domain.memory.ports import MemoryIndex, Outbox
    from domain.models.ports import ModelGateway
    from graphql_api.app.metrics import Metrics
    from graphql_api.app.settings import Settings
    from graphql_api.app.stores import Stores

INDEX_FOLDER = "memory"
log = structlog.get_logger("codelab.memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryParts:
    """Memory, for the use cases and for operations. Without `has_index` nothing is found.

    `review` is None where no model judges what is learned.
    """

    recall: Recall
    remember: Remember
    remind: Remind
    prune: Prune
    review: Review | None
    limit: int
    has_index: bool
    index: MemoryIndex
    collections: Collections
    outbox: Outbox
    projector: Projector

    async def answers(self) -> bool:
        """Whether searches are answered just now."""
        await self.points()
        return True

    async def points(self) -> int:
        """Memories in the index, of all agents.

        Raises:
            IndexUnavailable: it does not answer. Unavailable: the database does not.
        """
        return await self.index.count((await self.collections.serving()).space)

    async def generation(self) -> int:
        """The number of the collection that serves.

        Raises:
            Unavailable: there is none, or the database does not answer.
        """
        return (await self.collections.serving()).collection.generation

    async def waiting(self) -> int:
        """How much the index has not heard of yet.

        Raises:
            Unavailable: the database does not answer.
        """
        return await self.collections.waiting()

    async def lag_s(self) -> float:
        """The age of what the index has not heard of yet, in seconds; 0 when it has heard of everything.

        Raises:
            Unavailable: the database does not answer.
        """
        return await self.outbox.lag_s()


async def memory_parts(
    settings: Settings,
    stores: Stores,
    stack: AsyncExitStack,
    *,
    metrics: Metrics,
    models: ModelGateway,
    index: MemoryIndex | None = None,
) -> MemoryParts:
    """Everything of memory; the stack ends the index's process behind those who write to it.

    Without a given `index` it is the one of the settings' matrix.
    """
    chosen = index or await _index(settings, stack, metrics)
    index = ObservedIndex(chosen, metrics=metrics, monotonic=time.monotonic)
    embedders = Embedders(settings, stack)
    collections = Collections(
        SqlCollectionStore(stores.database),
        embedder=embedders.configured(),
        embedder_of=embedders.of,
        hints=stores.hints,
    )
    recall = Recall(index=index, collections=collections, clock=utc_now)
    has_index = not isinstance(chosen, AbsentIndex)
    judge = None if models.offline or not has_index else Judge(models)
    review = _review(settings, stores, recall, judge, metrics)
    return MemoryParts(
        recall=recall,
        remember=Remember(new_id=new_id, limit=settings.memory_limit, reviewed=review is not None),
        remind=Remind(
            recall,
            rerank=Rerank(judge, told=metrics.observe_reranking)
            if judge and settings.memory_rerank
            else None,
            recalled=metrics.memories_recalled.inc,
            without=metrics.answers_without_memory.inc,
        ),
        prune=Prune(
            tenants=stores.unowned,
            scopes=stores.scopes,
            limit=settings.memory_limit,
            pruned=metrics.memories_pruned.inc,
        ),
        review=review,
        limit=settings.memory_limit,
        has_index=has_index,
        index=index,
        collections=collections,
        outbox=stores.unowned,
        projector=_projector(stores, index, collections),
    )


def _projector(stores: Stores, index: MemoryIndex, collections: Collections) -> Projector:
    rebuild = Rebuild(tenants=stores.unowned, scopes=stores.scopes)
    return Projector(
        outbox=stores.unowned,
        scopes=stores.scopes,
        index=index,
        collections=collections,
        hints=stores.hints,
        reindex=Reindex(collections=collections, index=index, rebuild=rebuild),
    )


def _review(
    settings: Settings, stores: Stores, recall: Recall, judge: Judge | None, metrics: Metrics
) -> Review | None:
    if judge is None or not settings.memory_review:
        return None
    queue = UnownedReviews(stores.database)
    return Review(queue=queue, scopes=stores.scopes, recall=recall, judge=judge, told=metrics.observe_review)


async def _index(settings: Settings, stack: AsyncExitStack, metrics: Metrics) -> MemoryIndex:
    """A Qdrant server where one is named, the process of the embedded matrix, or none."""
    if settings.qdrant_url is not None:
        return _server(settings, stack, metrics)
    if not (settings.embedded and settings.runs_tasks):
        return AbsentIndex()
    from persistence.qdrant.edge_index import EdgeMemoryIndex
    from persistence.qdrant.process import IndexProcess

    process = IndexProcess(settings.data_dir / INDEX_FOLDER)
    try:
        await process.start()
    except IndexUnavailable as problem:
        log.warning("agents answer without memory: its index does not start", problem=problem.message)
        return AbsentIndex()
    stack.push_async_callback(process.aclose)
    return EdgeMemoryIndex(process, on_violation=metrics.isolation_violations.inc)


def _server(settings: Settings, stack: AsyncExitStack, metrics: Metrics) -> MemoryIndex:
    from persistence.qdrant.server_index import ServerMemoryIndex, qdrant_client

    key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
    client = qdrant_client(settings.qdrant_url or "", api_key=key)
    stack.push_async_callback(client.close)
    return ServerMemoryIndex(client, on_violation=metrics.isolation_violations.inc)

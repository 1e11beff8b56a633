"""The memory index on a Qdrant server, behind the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from grpc import RpcError  # type: ignore[import-untyped]  # it has no types
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException

from domain.memory.ports import (
    IndexHit,
    IndexQuery,
    IndexUnavailable,
    IsolationViolation,
    Likeness,
    Point,
    Space,
    Tenant,
    Vector,
)
from persistence.qdrant import hits, plan, server
from persistence.qdrant.bm25 import Bm25
from persistence.qdrant.hits import Own, Scores

MAX_CALLS = 64
"""Calls under way at once; more wait within their time."""


def qdrant_client(url: str, *, api_key: str | None) -> AsyncQdrantClient:
    """A client by gRPC, which takes an eighth of the time of REST; nothing is asked before the first call."""
    return AsyncQdrantClient(url=url, api_key=api_key, prefer_grpc=True, check_compatibility=False)


class ServerMemoryIndex:
    """`MemoryIndex` on a Qdrant server.

    Args:
        client: Opened and closed by the caller; by gRPC a call costs 1 ms, by REST 8.
        on_violation: Told of an answer that belonged to somebody else, which is never returned.
        search_s: How long a search may take, in seconds.
        write_s: How long anything else may take.
    """

    def __init__(
        self,
        client: AsyncQdrantClient,
        *,
        on_violation: Callable[[], None],
        search_s: float = plan.SEARCH_S,
        write_s: float = plan.WRITE_S,
    ) -> None:
        self._client = client
        self._words = Bm25()
        self._on_violation = on_violation
        self._search_s = search_s
        self._write_s = write_s
        self._slots = asyncio.Semaphore(MAX_CALLS)

    async def has(self, space: Space) -> bool:
        async with self._within(self._write_s):
            return await self._is_current(space)

    async def open(self, space: Space) -> bool:
        async with self._within(self._write_s):
            there = await self._is_current(space)
            if not there:
                if await self._client.collection_exists(space.name):
                    await self._client.delete_collection(space.name)
                await self._client.create_collection(
                    space.name, **server.collection(dimension=space.dimension)
                )
            # also when it is there: whoever made it may not have come this far
            for key, schema in server.INDEXES.items():
                await self._client.create_payload_index(space.name, key, schema)
        return there

    async def upsert(self, space: Space, tenant: Tenant, points: Sequence[Point]) -> None:
        for point in points:
            plan.check(space, point.dense, point.window or point.dense)
        for version, group in plan.by_version(points):
            for start in range(0, len(group), plan.CHUNK):
                async with self._within(self._write_s):
                    await self._client.upsert(
                        space.name,
                        server.points(tenant, group[start : start + plan.CHUNK], self._words),
                        update_filter=server.where(plan.replaceable(tenant, version=version)),
                    )

    async def delete(self, space: Space, tenant: Tenant, memory_ids: Collection[UUID]) -> None:
        if memory_ids:
            await self._delete(space, plan.these(tenant, memory_ids))

    async def drop(self, space: Space, tenant: Tenant) -> None:
        await self._delete(space, plan.all_of(tenant))

    async def search(self, space: Space, tenant: Tenant, query: IndexQuery) -> Sequence[IndexHit]:
        plan.check(space, query.dense)
        async with self._within(self._search_s):
            requests = [server.request(each) for each in plan.search(tenant, query, self._words)]
            found = await self._client.query_batch_points(space.name, requests)
            rankings = [_scores(each.points) for each in found]
            scores, candidates = hits.fused(rankings, limit=query.limit)
            own = await self._own(space, tenant, candidates)
        return hits.hits(scores, own, limit=query.limit)

    async def alike(self, space: Space, tenant: Tenant, dense: Vector, *, limit: int) -> Sequence[Likeness]:
        plan.check(space, dense)
        async with self._within(self._search_s):
            request = server.request(plan.alike(tenant, dense, limit=limit))
            (found,) = await self._client.query_batch_points(space.name, [request])
            scores = _scores(found.points)
            own = await self._own(space, tenant, scores)
        return hits.likenesses(scores, own, limit=limit)

    async def count(self, space: Space, tenant: Tenant | None = None) -> int:
        where = None if tenant is None else server.where(plan.all_of(tenant))
        async with self._within(self._write_s):
            return (await self._client.count(space.name, count_filter=where, exact=True)).count

    async def remove(self, space: Space) -> None:
        async with self._within(self._write_s):
            await self._client.delete_collection(space.name)

    async def _is_current(self, space: Space) -> bool:
        """Whether a collection is there whose points have the vectors of this version."""
        if not await self._client.collection_exists(space.name):
            return False
        there = (await self._client.get_collection(space.name)).config.params
        return server.has_current_vectors(there)

    async def _delete(self, space: Space, of: plan.Where) -> None:
        async with self._within(self._write_s):
            await self._client.delete(space.name, models.FilterSelector(filter=server.where(of)))

    async def _own(self, space: Space, tenant: Tenant, points: Collection[int]) -> Mapping[int, Own]:
        if not points:
            return {}
        ids = [str(UUID(int=each)) for each in points]
        read = await self._client.retrieve(space.name, ids, with_payload=True)
        return {UUID(str(each.id)).int: hits.own(tenant, each.payload) for each in read}

    @asynccontextmanager
    async def _within(self, timeout_s: float) -> AsyncIterator[None]:
        """Bound a call in time and number, and make one error of all that can happen to it."""
        try:
            async with asyncio.timeout(timeout_s), self._slots:
                yield
        except TimeoutError:
            raise IndexUnavailable(f"The memory index did not answer within {timeout_s:g} s.") from None
        except (ApiException, RpcError, OSError, ValueError) as problem:
            raise IndexUnavailable(f"The memory index refused: {type(problem).__name__}.") from problem
        except IsolationViolation:
            self._on_violation()
            raise


def _scores(found: Sequence[models.ScoredPoint]) -> Scores:
    return {UUID(str(each.id)).int: each.score for each in found}

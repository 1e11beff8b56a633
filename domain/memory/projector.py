"""Keeps the index what SQL says: takes what waits in the outbox and writes each memory's current state."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from uuid import UUID

from domain.errors import Unavailable
from domain.events.live import Hints
from domain.memory.entities import Memory
from domain.memory.hints import OUTBOX_CHANNEL
from domain.memory.ports import (
    Embedder,
    EmbeddingFailed,
    IndexUnavailable,
    MemoryIndex,
    Outbox,
    OutboxKey,
    Point,
    Tenant,
    Vector,
)
from domain.memory.similar import MIN_COSINE, are_near_duplicates
from domain.scopes import Scopes, UserScope, UserTx

log = logging.getLogger("codelab.memory")

BATCH = 64
"""Keys taken at once."""
LEASE_S = 20.0
"""How long one writer has for what it took; what takes longer is done twice, which harms nothing."""
GATHER_S = 0.1
"""How long what agents learn is gathered: a round costs as much as a call, whether it writes one memory or twenty."""
POLL_S = 1.0
"""How often to look without having been told."""
RETRY_S = 5.0
"""When to try again what the index did not hear."""
NEIGHBOURS = 4
"""How many of the nearest memories a new one is compared with."""


class Projector:
    """One writer of the index; any number of processes may have one."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        scopes: Scopes,
        index: MemoryIndex,
        embedder: Embedder,
        hints: Hints,
        rebuild: Callable[[], Awaitable[None]],
        retry_s: float = RETRY_S,
    ) -> None:
        self._outbox = outbox
        self._scopes = scopes
        self._index = index
        self._embedder = embedder
        self._hints = hints
        self._rebuild = rebuild
        self._retry_s = retry_s
        self._is_open = False
        self._wake = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Write until cancelled; a lost database or index is waited for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._write())

    async def _listen(self) -> None:
        while True:
            try:
                async with self._hints.listen(OUTBOX_CHANNEL) as hints:
                    async for hint in hints:
                        self._hear(urgent=bool(hint.get("wake")))
            except Exception:
                log.exception("the index's writer hears no hints; it goes on by polling")
            await asyncio.sleep(POLL_S)

    def _hear(self, *, urgent: bool) -> None:
        if urgent:
            self._wake.set()
        elif self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER_S, self._wake.set)

    async def _write(self) -> None:
        while True:
            self._wake.clear()
            if self._gathering is not None:
                self._gathering.cancel()
                self._gathering = None
            try:
                await self._open()
                while await self.round() and self._is_open:
                    pass
            except Unavailable as problem:
                log.warning("the index's writer waits: %s", problem.message)
            except Exception:
                log.exception("a round of the index's writer failed; the next one follows")
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._wake.wait()

    async def _open(self) -> None:
        """Open the index, also again when it was lost; one that was made anew is told everything."""
        if not self._is_open:
            if not await self._index.open(self._embedder.space):
                log.info("the memory index is made anew")
                await self._rebuild()
            self._is_open = True

    async def round(self) -> int:
        """Write what is due, up to a bound; returns how much that was."""
        keys = await self._outbox.due(limit=BATCH, lease_s=LEASE_S)
        groups: dict[tuple[UUID, UUID], list[OutboxKey]] = defaultdict(list)
        for key in keys:
            groups[key.user_id, key.project_id].append(key)
        for group in groups.values():
            await self._project(group)
        return len(keys)

    async def _project(self, keys: Sequence[OutboxKey]) -> None:
        """Write one project's keys, and say so, or why not."""
        scope = self._scopes.open(keys[0].user_id)
        project_id = keys[0].project_id

        def read(tx: UserTx) -> Mapping[UUID, Memory]:
            return tx.project(project_id).memories.many([key.memory_id for key in keys])

        memories = {key: memory for key, memory in (await scope.read_once(read)).items() if _kept(memory)}
        try:
            vectors = await self._store(keys, memories)
        except (IndexUnavailable, EmbeddingFailed) as error:
            self._is_open = self._is_open and not isinstance(error, IndexUnavailable)
            problem = error.message
            await scope.write(
                lambda tx: tx.project(project_id).memories.postpone(
                    keys, problem=problem, retry_s=self._retry_s
                )
            )
            return
        indexed = {memory.id: memory.version for memory in memories.values()}
        await scope.write(lambda tx: tx.project(project_id).memories.settle(keys, indexed=indexed))
        for memory in memories.values():
            if not memory.indexed_version:
                await self._merge(scope, memory, vectors[memory.id])

    async def _store(
        self, keys: Sequence[OutboxKey], memories: Mapping[UUID, Memory]
    ) -> Mapping[UUID, Vector]:
        """Let the index hear; the vectors of the texts that it got."""
        space = self._embedder.space
        texts, windows = await self._vectors(list(memories.values()))
        for tenant, here in _by_tenant(keys).items():
            if any(key.is_whole_agent for key in here):
                await self._index.drop(space, tenant)
            present = [memories[key.memory_id] for key in here if key.memory_id in memories]
            gone = [key.memory_id for key in here if key.memory_id not in memories]
            if present:
                points = [_point(it, texts[it.id], windows.get(it.id, ())) for it in present]
                await self._index.upsert(space, tenant, points)
            if gone:
                await self._index.delete(space, tenant, gone)
        return texts

    async def _vectors(
        self, memories: Sequence[Memory]
    ) -> tuple[Mapping[UUID, Vector], Mapping[UUID, Vector]]:
        with_window = [memory for memory in memories if memory.window]
        wanted = [memory.text for memory in memories] + [memory.window for memory in with_window]
        vectors = list(await self._embedder.embed(wanted)) if wanted else []
        texts = {memory.id: vector for memory, vector in zip(memories, vectors, strict=False)}
        behind = vectors[len(memories) :]
        return texts, {memory.id: vector for memory, vector in zip(with_window, behind, strict=True)}

    async def _merge(self, scope: UserScope, memory: Memory, dense: Vector) -> None:
        """Let a new memory count for an older one that says the same."""
        tenant = Tenant(scope.user_id, memory.project_id, memory.agent_id)
        try:
            near = await self._index.alike(self._embedder.space, tenant, dense, limit=NEIGHBOURS)
        except IndexUnavailable:
            return  # a duplicate is kept: nothing is lost
        cosines = {
            it.memory_id: it.cosine for it in near if it.cosine >= MIN_COSINE and it.memory_id != memory.id
        }

        def older(tx: UserTx) -> Sequence[Memory]:
            found = tx.project(memory.project_id).memories.many(list(cosines)).values()
            return [it for it in found if _says_the_same(it, memory, cosines[it.id])]

        def work(tx: UserTx) -> None:
            rows, same = tx.project(memory.project_id).memories, older(tx)
            if same and memory.id in rows.many([memory.id]):
                rows.merge(memory.id, into=min(same, key=lambda it: (it.created_at, it.id)).id)

        if not cosines:
            return
        if await scope.read_once(older):  # most often there is none, and no need to keep others from writing
            await scope.write(work)


def _kept(memory: Memory) -> bool:
    """Whether the index should hold it: what was superseded is not found any more."""
    return memory.superseded_by is None


def _says_the_same(older: Memory, newer: Memory, cosine: float) -> bool:
    return (
        older.agent_id == newer.agent_id
        and older.kind == newer.kind
        and older.success == newer.success
        and older.superseded_by is None
        and (older.created_at, older.id) < (newer.created_at, newer.id)
        and are_near_duplicates(older.text, newer.text, cosine=cosine)
    )


def _by_tenant(keys: Sequence[OutboxKey]) -> Mapping[Tenant, list[OutboxKey]]:
    groups: dict[Tenant, list[OutboxKey]] = defaultdict(list)
    for key in keys:
        groups[key.tenant].append(key)
    return groups


def _point(memory: Memory, dense: Vector, window: Vector) -> Point:
    return Point(
        memory_id=memory.id,
        version=memory.version,
        text=memory.text,
        dense=dense,
        kind=memory.kind,
        success=memory.success,
        created_at=memory.created_at,
        session_id=memory.source.session_id,
        window_text=memory.window,
        window=window,
    )

"""Keeps the index what SQL says: takes what waits in the outbox and writes each memory's current state.

It goes to every living collection (`domain.memory.collections`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from uuid import UUID

from domain.errors import Unavailable
from domain.events.live import Hints
from domain.memory.entities import Memory
from domain.memory.hints import OUTBOX_CHANNEL
from domain.memory.ports import (
    EmbeddingFailed,
    IndexUnavailable,
    MemoryIndex,
    MemoryRows,
    Outbox,
    OutboxKey,
    Tenant,
    Vector,
)
from domain.memory.reindex import Reindex
from domain.memory.serving import Collections, Served
from domain.memory.similar import MIN_COSINE, are_near_duplicates
from domain.memory.writing import store
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
REFUSED_RETRY_S = 300.0
"""When to offer a text again that an embedder does not take: another model may answer under its name by then."""
NEIGHBOURS = 4
"""How many of the nearest memories a new one is compared with."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What became of a group of keys.

    `problem` is why all of them are kept for later, `refused` why some are that nothing waits for. Searches
    find what the keys name if `is_found`, but for what is `unfound`; `vectors` are those by which.
    """

    problem: str | None = None
    is_found: bool = False
    vectors: Mapping[UUID, Vector] = field(default_factory=dict)
    refused: Mapping[UUID, str] = field(default_factory=dict)
    unfound: Collection[UUID] = ()


class Projector:
    """One writer of the index; any number of processes may have one."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        scopes: Scopes,
        index: MemoryIndex,
        collections: Collections,
        hints: Hints,
        reindex: Reindex,
        retry_s: float = RETRY_S,
    ) -> None:
        self._outbox = outbox
        self._scopes = scopes
        self._index = index
        self._collections = collections
        self._hints = hints
        self._reindex = reindex
        self._retry_s = retry_s
        self._lost = False
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
                await self.work()
            except Unavailable as problem:
                self._reindex.forget()
                log.warning("the index's writer waits: %s", problem.message)
            except Exception:
                log.exception("a round of the index's writer failed; the next one follows")
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._wake.wait()

    async def work(self) -> None:
        """Do all that can be done now: write what is due, and when nothing is, what is next for the collections.

        An index that was lost is opened again before anything is written to it.

        Raises:
            IndexUnavailable: the index does not answer. Unavailable: the database does not.
        """
        self._lost = False
        await self._reindex.open(await self._collections.living())
        while (await self._round() or await self._reindex.step()) and not self._lost:
            pass

    async def _round(self) -> bool:
        keys = await self._outbox.due(limit=BATCH, lease_s=LEASE_S)
        if not keys:
            return False
        # read behind the keys: a collection that is committed by now hears of them, and is told the earlier ones
        living = await self._collections.living()
        await self._reindex.open(living)
        groups: dict[tuple[UUID, UUID], list[OutboxKey]] = defaultdict(list)
        for key in keys:
            groups[key.user_id, key.project_id].append(key)
        for group in groups.values():
            await self._project(group, living)
        return True

    async def _project(self, keys: Sequence[OutboxKey], living: Sequence[Served]) -> None:
        """Write one project's keys to every collection, and say so, or why not."""
        scope = self._scopes.open(keys[0].user_id)
        project_id = keys[0].project_id

        def read(tx: UserTx) -> Mapping[UUID, Memory]:
            return tx.project(project_id).memories.many([key.memory_id for key in keys])

        memories = {key: memory for key, memory in (await scope.read_once(read)).items() if _kept(memory)}
        try:
            heard = await self._tell(living, keys, memories)
        except IndexUnavailable as error:
            self._lost = True
            self._reindex.forget()
            heard = _Heard(error.message)
        indexed = {it.id: it.version for it in memories.values() if it.id not in heard.unfound}
        await scope.write(lambda tx: self._note(tx.project(project_id).memories, keys, indexed, heard))
        for memory in memories.values():
            if memory.id in heard.vectors and not memory.indexed_version:
                await self._merge(scope, living[0], memory, heard.vectors[memory.id])

    def _note(
        self, rows: MemoryRows, keys: Sequence[OutboxKey], indexed: Mapping[UUID, int], heard: _Heard
    ) -> None:
        refused = [key for key in keys if key.memory_id in heard.refused]
        if heard.is_found:
            done = [key for key in keys if key not in refused]
            rows.settle(() if heard.problem else done, indexed=indexed)
        if heard.problem:
            why = None if heard.is_found else heard.problem
            rows.postpone(keys, problem=why, retry_s=self._retry_s)
        elif refused:
            problems = {memory_id: heard.refused[memory_id] for memory_id in heard.unfound}
            rows.refuse(refused, problems=problems, retry_s=REFUSED_RETRY_S)

    async def _tell(
        self, living: Sequence[Served], keys: Sequence[OutboxKey], memories: Mapping[UUID, Memory]
    ) -> _Heard:
        """Tell what serves, then what follows it; where the model of the former fails, the latter is enough."""
        serving, *following = living
        heard = await self._told(serving, keys, memories)
        for it in following:
            later = await self._follow(it, keys, memories)
            unfound = [each for each in later.refused if not heard.is_found or each in heard.unfound]
            is_found = heard.is_found or later.is_found
            heard = replace(later, vectors=heard.vectors, is_found=is_found, unfound=unfound)
        return heard

    async def _told(self, to: Served, keys: Sequence[OutboxKey], memories: Mapping[UUID, Memory]) -> _Heard:
        try:
            stored = await store(self._index, to, keys, memories)
        except EmbeddingFailed as error:
            return _Heard(error.message)
        return _Heard(
            is_found=True, vectors=stored.vectors, refused=stored.refused, unfound=tuple(stored.refused)
        )

    async def _follow(
        self, following: Served, keys: Sequence[OutboxKey], memories: Mapping[UUID, Memory]
    ) -> _Heard:
        """Tell the collection that is being filled; why it has not heard is noted at it too."""
        collection = following.collection
        heard = await self._told(following, keys, memories)
        if heard.problem != collection.problem:
            await self._collections.write(lambda rows: rows.fails(collection.generation, heard.problem))
        return heard

    async def _merge(self, scope: UserScope, serving: Served, memory: Memory, dense: Vector) -> None:
        """Let a new memory count for an older one that says the same."""
        tenant = Tenant(scope.user_id, memory.project_id, memory.agent_id)
        try:
            near = await self._index.alike(serving.space, tenant, dense, limit=NEIGHBOURS)
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

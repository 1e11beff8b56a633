"""What becomes of collections, a step at a time: opened, told everything, switched to, and removed."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from domain.memory.collections import Collection, CollectionState
from domain.memory.ports import MemoryIndex, Space
from domain.memory.rebuild import Rebuild
from domain.memory.serving import GRACE_S, Collections, Served

log = logging.getLogger("codelab.memory")

ROOM = 200
"""More is told while less than this waits: what is new is heard within a second all the while."""


class Reindex:
    """Done by every writer; steps that two of them take at once are taken once."""

    def __init__(self, *, collections: Collections, index: MemoryIndex, rebuild: Rebuild) -> None:
        self._collections = collections
        self._index = index
        self._rebuild = rebuild
        self._open: set[Space] = set()

    def forget(self) -> None:
        """The index was lost: open everything again."""
        self._open.clear()

    async def open(self, living: Sequence[Served]) -> None:
        """Make sure that the index has these; what it lacks is told everything.

        Raises:
            IndexUnavailable: it does not answer. Unavailable: the database does not.
        """
        for it in living:
            if it.space not in self._open:
                await self._make(it.collection)
                self._open.add(it.space)

    async def _make(self, collection: Collection) -> None:
        """Say that it begins before it is made: made and not said, it would stay empty after a crash."""
        asked, space = collection.state is CollectionState.ASKED, collection.space
        there = await self._index.has(space)
        if asked or not there:
            total = await self._rebuild.count()
            begun = await self._collections.write(lambda rows: rows.begin(collection, total=total))
            if begun and there:
                await self._index.remove(space)  # of its name, from before the database was restored
            if begun:
                log.info("a collection of the memory index begins", extra={"collection": space.name})
        await self._index.open(space)

    async def step(self) -> bool:
        """Do what is next; whether anything could be done now.

        Raises:
            IndexUnavailable: the index does not answer. Unavailable: the database does not.
        """
        living_first = sorted(await self._collections.read(), key=lambda it: not it.lives)
        for it in living_first:
            if await self._advance(it):
                return True
        return False

    async def _advance(self, collection: Collection) -> bool:
        if collection.lives and collection.space in self._open and not collection.is_told:
            return await self._tell(collection)
        if collection.state is CollectionState.FILLING:
            return await self._switch(collection)
        if collection.retired_s is not None and collection.retired_s > GRACE_S:
            return await self._remove(collection)
        return False

    async def _tell(self, collection: Collection) -> bool:
        if await self._collections.waiting() >= ROOM:
            return False
        told = await self._rebuild.tell(collection.position, lost=collection.is_ready)
        if told is None:
            return await self._collections.write(lambda rows: rows.told_all(collection))
        return await self._collections.write(
            lambda rows: rows.move(collection, position=told.position, told=told.count)
        )

    async def _switch(self, collection: Collection) -> bool:
        if not await self._collections.write(lambda rows: rows.switch(collection.generation)):
            return False
        log.info("memories are searched in another collection", extra={"collection": collection.space.name})
        await self._collections.read()
        await self._collections.tell()
        return True

    async def _remove(self, collection: Collection) -> bool:
        self._open.discard(collection.space)
        await self._index.remove(collection.space)
        await self._collections.write(lambda rows: rows.removed(collection.generation))
        log.info("a collection of the memory index was removed", extra={"collection": collection.space.name})
        return True

"""Which collections this process knows of, and what compares texts in each: searches follow the one that is ready."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from domain.errors import Unavailable
from domain.events.live import Hints
from domain.memory.collections import Collection, CollectionRows, CollectionStore, want
from domain.memory.ports import Embedder, EmbeddingFailed, IndexUnavailable, Space, Vector

T = TypeVar("T")
log = logging.getLogger("codelab.memory")

COLLECTIONS_CHANNEL = "collections"
"""Hints to all processes: `{"changed": true}` when another collection serves."""
POLL_S = 2.0
"""How often to look without having been told."""
GRACE_S = 10.0
"""How long a retired collection is kept for processes that have not heard of it: several polls."""


@dataclass(frozen=True, slots=True)
class Served:
    """A collection, and what makes its vectors; None when this process can't make them."""

    collection: Collection
    embedder: Embedder | None

    @property
    def space(self) -> Space:
        """How the index calls it."""
        return self.collection.space

    @property
    def label(self) -> str:
        """What people are told."""
        return self.embedder.label if self.embedder else self.space.model

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector for each text, in order.

        Raises:
            EmbeddingFailed: also when there is no embedder.
        """
        if self.embedder is None:
            raise EmbeddingFailed(
                f"The model {self.space.model} that memories were compared by can't be asked any more."
            )
        return await self.embedder.embed(texts)


class Collections:
    """The collections as this process last read them.

    Args:
        store: Where they are.
        embedder: The configured one: its space is wanted, once, when they are first read.
        embedder_of: What makes the vectors of any other space; None where nothing can any more.
        hints: Tell of changes.
    """

    def __init__(
        self,
        store: CollectionStore,
        *,
        embedder: Embedder,
        embedder_of: Callable[[Space], Embedder | None],
        hints: Hints,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._embedder_of = embedder_of
        self._hints = hints
        self._known: Sequence[Collection] | None = None

    async def serving(self) -> Served:
        """What searches are answered from, as it was last read.

        Raises:
            IndexUnavailable: there is none. Unavailable: the database does not answer the first time.
        """
        for it in await self.read() if self._known is None else self._known:
            if it.is_ready:
                return self._served(it)
        raise IndexUnavailable("There is no memory index yet.")

    @property
    def label(self) -> str:
        """What people are told that compares their memories just now."""
        return next((self._served(it).label for it in self._known or () if it.is_ready), self._embedder.label)

    async def living(self) -> Sequence[Served]:
        """What changes are written to, read now: the one that serves first, then the one that follows it.

        Raises:
            Unavailable: the database does not answer.
        """
        return [self._served(it) for it in await self.read() if it.lives]

    async def read(self) -> Sequence[Collection]:
        """All that the index may hold, read now.

        Raises:
            Unavailable: the database does not answer.
        """
        if self._known is None:
            space = self._embedder.space
            await self._store.write(lambda rows: want(rows, space))
        self._known = await self._store.read(lambda rows: rows.all())
        return self._known

    async def waiting(self) -> int:
        """How much the index must still hear of.

        Raises:
            Unavailable: the database does not answer.
        """
        return await self._store.read(lambda rows: rows.waiting())

    async def write(self, work: Callable[[CollectionRows], T]) -> T:
        """Run a transaction on them.

        Raises:
            Unavailable: the database does not answer.
        """
        return await self._store.write(work)

    async def tell(self) -> None:
        """Tell all processes that another one serves."""
        await self._hints.send(COLLECTIONS_CHANNEL, {"changed": True})

    async def follow(self) -> None:
        """Keep what this process knows up to date, until cancelled."""
        changed = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(changed))
            group.create_task(self._look(changed))

    async def _listen(self, changed: asyncio.Event) -> None:
        while True:
            try:
                async with self._hints.listen(COLLECTIONS_CHANNEL) as hints:
                    async for _ in hints:
                        changed.set()
            except Exception:
                log.exception("no hints of collections are heard; they are read now and then")
            await asyncio.sleep(POLL_S)

    async def _look(self, changed: asyncio.Event) -> None:
        while True:
            changed.clear()
            with suppress(Unavailable):
                await self.read()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await changed.wait()

    def _served(self, collection: Collection) -> Served:
        space = collection.space
        is_configured = space.compares_with(self._embedder.space)
        return Served(collection, self._embedder if is_configured else self._embedder_of(space))

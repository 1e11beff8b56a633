"""The command `codelab memory reindex`: asks for a new collection, which servers fill, and watches how far they are.

What is asked for is a row, so that it needs no server to be there, and outlives this process.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, TextIO

from domain.memory.collections import Collection, CollectionRows, CollectionState, reindex
from domain.memory.hints import OUTBOX_CHANNEL
from graphql_api.app.data_dir import DATABASE_FILE, DataDirInUse, is_held, locked
from graphql_api.app.metrics import Metrics
from graphql_api.app.run import understandable
from graphql_api.app.stores import open_stores
from graphql_api.app.telemetry import configure_log
from persistence.collections import SqlCollectionStore
from persistence.migrate import upgrade

if TYPE_CHECKING:
    from domain.memory.collections import CollectionStore
    from graphql_api.app.settings import Settings
    from graphql_api.app.stores import Stores

POLL_S = 0.25
UNHEARD_S = 15.0
"""A server that runs has begun by then."""
BAR = 30
"""Characters of the bar."""
Sleep = Callable[[float], Awaitable[None]]


class ReindexRefused(Exception):
    """There is nothing to reindex, or it will not come to its end; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a collection is: `heard` of `total` memories are in it."""

    heard: int
    total: int
    problem: str | None = None

    @classmethod
    def of(cls, collection: Collection, *, waiting: int) -> Progress:
        """What is told and waits is not heard yet."""
        heard = max(min(collection.told, collection.total) - waiting, 0)
        return cls(collection.total if collection.is_ready else heard, collection.total, collection.problem)

    @property
    def percent(self) -> int:
        """0 to 100; nothing to hear is all of it."""
        return 100 * self.heard // self.total if self.total else 100

    def __str__(self) -> str:
        """In words."""
        return f"{self.heard:,} of {self.total:,} memories ({self.percent} %)"


class Screen:
    """Shows progress: a bar that stays in its line on a terminal, else a line for every tenth of the way."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._shown: tuple[int, str | None] | None = None

    def show(self, progress: Progress) -> None:
        """How far it is, unless that was said."""
        if self._is_terminal:
            done = BAR * progress.percent // 100
            self._out.write(f"\r  [{'#' * done}{'.' * (BAR - done)}] {progress}\x1b[K")
            self._out.flush()
        elif (progress.percent // 10, progress.problem) != self._shown:
            self._out.write(f"  {progress}\n")
            self._out.flush()
        if progress.problem and (self._shown is None or progress.problem != self._shown[1]):
            self.say(f"  It waits: {progress.problem}")
        self._shown = progress.percent // 10, progress.problem

    def say(self, text: str) -> None:
        """A line of its own."""
        if self._is_terminal and self._shown:
            self._out.write("\n")
        self._out.write(f"{text}\n")
        self._out.flush()


def run_reindex(settings: Settings, *, wait: bool = True, out: TextIO | None = None) -> None:
    """Ask for a new collection of all memories and, unless told not to, watch until it serves.

    Raises:
        DatabaseRefused, DataDirRefused, ReindexRefused: it can't be asked for, or not be watched to its end.
        KeyboardInterrupt: the watching was ended, and nothing else.
    """
    configure_log(settings)
    screen = Screen(out or sys.stdout)
    with _data(settings) as is_served:
        try:
            asyncio.run(_reindex(settings, screen, wait=wait and is_served, is_served=is_served))
        except KeyboardInterrupt:
            screen.say(
                "The watching has ended. The reindex goes on in the server; run this again to watch it."
            )
            raise


@contextmanager
def _data(settings: Settings) -> Iterator[bool]:
    """Whether a server may be running; where none is, its data are kept from being opened meanwhile."""
    if settings.qdrant_url is None and not settings.embedded:
        raise ReindexRefused("There is no memory index in this deployment. CODELAB_QDRANT_URL names one.")
    if not settings.embedded:
        yield True
        return
    if not (settings.data_dir / DATABASE_FILE).exists():
        raise ReindexRefused(f"There are no data in {settings.data_dir} yet, and nothing to reindex.")
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(settings.data_dir))
            is_served = False
        except DataDirInUse:
            is_served = True
        yield is_served


async def _reindex(settings: Settings, screen: Screen, *, wait: bool, is_served: bool) -> None:
    async with AsyncExitStack() as stack:
        with understandable(settings):
            stores = await open_stores(settings, stack, metrics=Metrics(version=version("codelab")))
            if not is_served:
                await upgrade(stores.database)
            store = SqlCollectionStore(stores.database)
            collection = await _ask(store, stores, screen)
            if not is_served:
                screen.say("No server is running on these data. The next start does it: codelab serve")
            elif wait:
                is_over = partial(_has_stopped, settings)
                await watch(store, collection, screen, sleep=asyncio.sleep, is_over=is_over)
            else:
                screen.say("The server does it. Run this again to watch it.")


async def _ask(store: CollectionStore, stores: Stores, screen: Screen) -> Collection:
    asked = await store.write(reindex)
    if asked is None:
        raise ReindexRefused("There is no memory index yet. The first start makes it: codelab serve")
    collection, is_under_way = asked
    await stores.hints.send(OUTBOX_CHANNEL, {"wake": True})
    space = (
        f"{collection.space.model}, {collection.space.dimension} numbers, generation {collection.generation}"
    )
    begins = "Memories are being reindexed already" if is_under_way else "Memories are reindexed"
    screen.say(f"{begins} ({space}). Searches go on meanwhile.")
    return collection


def _has_stopped(settings: Settings) -> bool:
    return settings.embedded and not is_held(settings.data_dir)


async def watch(
    store: CollectionStore,
    asked: Collection,
    screen: Screen,
    *,
    sleep: Sleep,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Show how far a collection is until it serves; `is_over` says that nobody is left who fills it.

    Raises:
        ReindexRefused: another one was asked for in its place, or it is over. Unavailable: the database does not
            answer.
    """
    now: Collection | None = asked
    unheard_s = 0.0
    while now is not None and now.lives and not now.is_ready:
        if is_over():
            raise ReindexRefused("The server has stopped. Its next start goes on with it: codelab serve")
        await sleep(POLL_S)
        now, waiting = await store.read(lambda rows: _now(rows, asked.generation))
        if now is None or now.state is CollectionState.ASKED:
            unheard_s += POLL_S
            if unheard_s == UNHEARD_S:
                screen.say("No server has begun it yet. Is one running that runs agents?")
        else:
            screen.show(Progress.of(now, waiting=waiting))
    if now is None or not now.lives:
        raise ReindexRefused(
            "Another model was configured meanwhile: this collection was given up for a newer one."
        )
    screen.say(f"Done in {now.served_after_s or 0:.1f} s: searches are answered from the new collection.")


def _now(rows: CollectionRows, generation: int) -> tuple[Collection | None, int]:
    return next((it for it in rows.all() if it.generation == generation), None), rows.waiting()

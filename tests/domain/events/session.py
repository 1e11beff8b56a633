"""One session on a fake log and a fake live store, and watchers that collect what a reader gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from functools import wraps
from typing import ParamSpec, TypeVar

from domain.events.items import Heartbeat, SessionItem
from domain.events.kinds import Fact, FactBody
from domain.events.live import Delta
from domain.events.reader import SessionTails
from tests.domain.events.fakes import KEY, FakeLive, ListLog, clock
from tests.virtual_time import run_virtually, settle

P = ParamSpec("P")
T = TypeVar("T")


def virtually(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    """Run an async test on virtual time."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtually(test(*args, **kwargs))

    del run.__wrapped__  # else the runner takes it for a coroutine
    return run


class Watcher:
    """Collects a stream until it ends."""

    def __init__(self, tails: SessionTails, *, after: int | None) -> None:
        self.items: list[SessionItem] = []
        self.problem: Exception | None = None
        self.task = asyncio.get_running_loop().create_task(self._watch(tails, after))

    async def _watch(self, tails: SessionTails, after: int | None) -> None:
        try:
            async with aclosing(tails.subscribe(KEY, after=after)) as items:
                async for item in items:
                    self.items.append(item)
        except Exception as problem:  # noqa: BLE001 - whatever ends the stream is what the test looks at
            self.problem = problem

    @property
    def ended(self) -> bool:
        return self.task.done()

    @property
    def cursors(self) -> list[int]:
        """The numbers of the facts received."""
        return [item.cursor for item in self.items if not isinstance(item.body, Delta | Heartbeat)]

    @property
    def deltas(self) -> list[Delta]:
        return [item.body for item in self.items if isinstance(item.body, Delta)]

    @property
    def bodies(self) -> list[object]:
        """What was received, heartbeats aside."""
        return [item.body for item in self.items if not isinstance(item.body, Heartbeat)]

    @property
    def heartbeats(self) -> list[SessionItem]:
        return [item for item in self.items if isinstance(item.body, Heartbeat)]

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


class Session:
    """The session, and the process that reads it."""

    def __init__(self) -> None:
        self.log = ListLog()
        self.live = FakeLive()
        self.tails = SessionTails(live=self.live, log=self.log, clock=clock)

    async def watch(self, *, after: int | None = None) -> Watcher:
        watcher = Watcher(self.tails, after=after)
        await settle()
        return watcher

    async def commit(self, *bodies: FactBody) -> list[Fact]:
        """Commit and publish, as it should be."""
        facts = self.log.commit(*bodies)
        await self.live.publish(KEY, facts)
        await settle()
        return facts

    async def push(self, *items: Fact | Delta) -> None:
        """Broadcast what the live store does not keep."""
        for item in items:
            self.live.push(item)
        await settle()

    async def append(self, delta: Delta) -> None:
        await self.live.append(KEY, delta)
        await settle()

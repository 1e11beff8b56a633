"""The exact reader: every fact of a session once and in order, and every text whole, from any cursor on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import Self

from domain.events.items import ReadersClosed, ReplayGap, SessionItem
from domain.events.kinds import SessionDeleted
from domain.events.live import Live, SessionKey
from domain.events.log import FactLog
from domain.events.tail import Rhythm, Tail
from domain.ports import Clock


class SessionTails:
    """Streams of sessions for the readers of this process; readers of one session share one tail.

    A tail starts with a session's first reader and ends with its last one. Open it as a context:
    leaving the context ends every stream with `ReadersClosed`.
    """

    def __init__(self, *, live: Live, log: FactLog, clock: Clock, rhythm: Rhythm | None = None) -> None:
        self._live = live
        self._log = log
        self._clock = clock
        self._rhythm = rhythm or Rhythm()
        self._tails: dict[SessionKey, Tail] = {}
        self._tasks: dict[Tail, asyncio.Task[None]] = {}
        self._closed = False
        self._closing: asyncio.Future[bool] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def readers(self) -> int:
        """How many streams are open."""
        return sum(tail.readers for tail in self._tails.values())

    @property
    def closing(self) -> asyncio.Future[bool]:
        """Done when every stream ends with `ReadersClosed`, for those who wait for something else. Not to be cancelled."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_future()
            if self._closed:
                self._closing.set_result(True)
        return self._closing

    async def aclose(self) -> None:
        """End every stream with `ReadersClosed` and refuse new ones."""
        self._closed = True
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(True)
        tasks = list(self._tasks.items())
        for tail, task in tasks:
            tail.end(ReadersClosed())
            task.cancel()
        await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)

    async def subscribe(
        self, key: SessionKey, *, after: int | None = None
    ) -> AsyncGenerator[SessionItem, None]:
        """The session's items: facts after the cursor `after` (None: from now on), texts so far, then live.

        Close the generator (`contextlib.aclosing`) to leave. It ends by itself after SessionDeleted.
        When the log does not lead on from `after`, a ReplayGap comes first and its cursor is where the
        stream goes on. For each message being written the reader gets the whole text so far at offset
        0, then deltas that continue it exactly; a newer generation begins at offset 0 again.

        Raises:
            NotFound: the owner has no such session; before the first item.
            Unavailable: the log could not be read.
            Interrupted: resume from the last cursor (SlowReader: too much was waiting for this reader).
        """
        tail = await self._join(key)
        try:
            cursor = tail.position if after is None else after
            await tail.reach(cursor)
            while cursor != tail.position:
                page = await tail.replay(after=cursor)
                if not page and tail.ended:
                    break
                for item in page or [SessionItem(tail.position, self._clock(), ReplayGap())]:
                    cursor = item.cursor
                    yield item
                    if isinstance(item.body, SessionDeleted):
                        return
            texts, mailbox = tail.attach(after=cursor)
            try:
                for text in texts:
                    yield text
                async for item in mailbox:
                    yield item
            finally:
                tail.detach(mailbox)
        finally:
            self._leave(tail)

    async def _join(self, key: SessionKey) -> Tail:
        if self._closed:
            raise ReadersClosed
        tail = self._tails.get(key)
        if tail is None or tail.ended:
            tail = self._start(key)
        tail.readers += 1
        try:
            await tail.opened()
        except BaseException:
            self._leave(tail)
            raise
        return tail

    def _start(self, key: SessionKey) -> Tail:
        tail = Tail(key, live=self._live, log=self._log, clock=self._clock, rhythm=self._rhythm)
        task = asyncio.get_running_loop().create_task(tail.run())
        self._tails[key] = tail
        self._tasks[tail] = task
        task.add_done_callback(partial(self._retire, tail))
        return tail

    def _leave(self, tail: Tail) -> None:
        tail.readers -= 1
        if not tail.readers:
            # forgotten at once, so that nobody joins a tail that is about to end
            self._forget(tail)
            if (task := self._tasks.get(tail)) is not None:
                task.cancel()

    def _retire(self, tail: Tail, task: asyncio.Task[None]) -> None:
        del self._tasks[tail]
        self._forget(tail)
        if not task.cancelled() and isinstance(problem := task.exception(), Exception):
            tail.end(problem)

    def _forget(self, tail: Tail) -> None:
        if self._tails.get(tail.key) is tail:
            del self._tails[tail.key]

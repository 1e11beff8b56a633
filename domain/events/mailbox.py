"""The bounded queue between a session's tail and one of its readers."""

from __future__ import annotations

import asyncio

from domain.events.items import SessionItem, SlowReader
from domain.events.live import Delta

MAX_ITEMS = 256
"""Items that may wait for one reader."""
MAX_TEXT = 262_144
"""Code points of merged deltas that may wait for one reader: merging must not hide a reader that stands still."""


class Mailbox:
    """Items for one reader, in order; an async iterator for exactly one consumer.

    A full mailbox first merges the deltas of each text into one; when that does not help, the reader
    is let go: its items are dropped and it gets `SlowReader`. Nobody ever waits to put something in.
    """

    def __init__(self) -> None:
        self._items: list[SessionItem] = []  # most are empty, and an empty deque is ten times as large
        self._reader: asyncio.Future[None] | None = None
        self._ended = False
        self._problem: Exception | None = None

    def put(self, item: SessionItem) -> None:
        """Add an item, or let the reader go; ignored after the end."""
        if self._ended:
            return
        if len(self._items) >= MAX_ITEMS and not self._make_room():
            self._items.clear()
            self.end(SlowReader())
            return
        self._items.append(item)
        self._wake()

    def end(self, problem: Exception | None = None) -> None:
        """Let the iterator end, with the problem if there is one, once it has handed out what waits."""
        if not self._ended:
            self._ended = True
            self._problem = problem
            self._wake()

    def __aiter__(self) -> Mailbox:
        return self

    async def __anext__(self) -> SessionItem:
        """The next item.

        Raises:
            SlowReader: too much was waiting.
        """
        while not self._items:
            if self._ended:
                raise self._problem or StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._items.pop(0)

    def _wake(self) -> None:
        """Let the reader go on; a bare future, because one event wakes thousands of readers."""
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _make_room(self) -> bool:
        self._items = _merged(self._items)
        waiting = sum(len(item.body.text) for item in self._items if isinstance(item.body, Delta))
        return len(self._items) < MAX_ITEMS and waiting <= MAX_TEXT


def _merged(items: list[SessionItem]) -> list[SessionItem]:
    """The same items with each text's consecutive deltas joined, at the place of the first.

    Moving text forward is harmless: only a newer generation or the end of the message could come
    between, and both come after all deltas of a generation.
    """
    runs: dict[tuple[object, int], list[SessionItem]] = {}
    places: list[list[SessionItem]] = []
    for item in items:
        run = [item]
        if isinstance(item.body, Delta):
            run = runs.setdefault((item.body.message_id, item.body.generation), [])
            run.append(item)
        if len(run) == 1:
            places.append(run)
    return [_joined(run) for run in places]


def _joined(run: list[SessionItem]) -> SessionItem:
    first = run[0]
    if len(run) == 1 or not isinstance(first.body, Delta):
        return first
    text = "".join(item.body.text for item in run if isinstance(item.body, Delta))
    start = first.body
    return SessionItem(first.cursor, first.at, Delta(start.message_id, start.generation, start.offset, text))

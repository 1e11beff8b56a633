"""Listening to a broadcast channel with a bounded queue, for both twins."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from broadcaster import Broadcast

T = TypeVar("T")

MAX_WAITING = 1024
"""Items that wait for one listener; beyond that the oldest are dropped."""


class Arrivals(Generic[T]):
    """What arrived and was not taken yet; awaiting the next item may be cancelled and begun again."""

    def __init__(self, *, bound: int = MAX_WAITING) -> None:
        self._items: deque[T] = deque(maxlen=bound)
        self._filled = asyncio.Event()

    def put(self, item: T) -> None:
        """Add an item; the oldest one is dropped when the queue is full."""
        self._items.append(item)
        self._filled.set()

    def __aiter__(self) -> Arrivals[T]:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()


@asynccontextmanager
async def listening(
    broadcast: Broadcast,
    channel: str,
    *,
    read: Callable[[object], Sequence[T]],
    subscribed: Callable[[str], Awaitable[object]] | None = None,
) -> AsyncIterator[Arrivals[T]]:
    """Subscribe to a channel; each message becomes the items that `read` finds in it.

    The broadcaster's own queues have no bound: a task of ours empties them as fast as they fill.
    `subscribed` is awaited before the context is entered.
    """
    arrivals: Arrivals[T] = Arrivals()
    async with broadcast.subscribe(channel) as subscriber:

        async def carry() -> None:
            while True:
                event = await subscriber.get()
                for item in read(event.message):
                    arrivals.put(item)

        if subscribed is not None:
            await subscribed(channel)
        carrier = asyncio.get_running_loop().create_task(carry())
        try:
            yield arrivals
        finally:
            carrier.cancel()
            await asyncio.wait([carrier])

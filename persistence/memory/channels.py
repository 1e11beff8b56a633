"""The broadcast of one process: what nobody listens to is not sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from broadcaster import Broadcast

from persistence.channels import Arrivals, listening

T = TypeVar("T")


class MemoryChannels:
    """Channels over a broadcast with the broadcaster's own memory backend, for listeners of this object.

    A message wakes two tasks on its way even when there is no one to read it (measured: with its
    channel unread, a direct call spent a tenth of its computing on that).
    """

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._listeners: Counter[str] = Counter()

    async def send(self, channel: str, message: object) -> None:
        """Hand a message to whoever listens."""
        if channel in self._listeners:
            await self._broadcast.publish(channel, message)

    @asynccontextmanager
    async def listen(
        self, channel: str, *, read: Callable[[object], Sequence[T]]
    ) -> AsyncIterator[Arrivals[T]]:
        """Listen to a channel; each message becomes the items that `read` finds in it."""
        self._listeners[channel] += 1
        try:
            async with listening(self._broadcast, channel, read=read) as arrivals:
                yield arrivals
        finally:
            self._listeners[channel] -= 1
            if not self._listeners[channel]:
                del self._listeners[channel]

"""The long-lived connections of this process: how many there are, and how they all end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from graphql_api.transport.ports import TransportKind


class Connections:
    """Counts open WebSockets and event streams, and ends them when the server stops.

    Call `close_all` when the stop signal arrives, before the server waits for its requests: an open
    event stream is a request that never ends.
    """

    def __init__(self) -> None:
        self._enders: dict[object, tuple[TransportKind, Callable[[], None]]] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self._subscriptions = 0
        self._closing = False

    @property
    def closing(self) -> bool:
        """Whether the server is stopping; new connections are refused then."""
        return self._closing

    @property
    def live_subscriptions(self) -> int:
        """Subscriptions that are running, over whatever transport."""
        return self._subscriptions

    def count(self, transport: TransportKind) -> int:
        """Open connections of one transport."""
        return sum(kind is transport for kind, _ in self._enders.values())

    @contextmanager
    def connected(self, transport: TransportKind, end: Callable[[], None]) -> Iterator[None]:
        """Register a connection while it lasts; `end()` asks it to end and returns at once."""
        key = object()
        self._enders[key] = (transport, end)
        self._empty.clear()
        try:
            yield
        finally:
            del self._enders[key]
            if not self._enders:
                self._empty.set()

    @contextmanager
    def subscribed(self) -> Iterator[None]:
        """Count a subscription while it lasts."""
        self._subscriptions += 1
        try:
            yield
        finally:
            self._subscriptions -= 1

    async def close_all(self, *, timeout_s: float) -> int:
        """Ask every connection to end, wait, and tell how many did not in time.

        WebSockets close with 1012 and event streams end without `complete`: clients of both connect
        again, to another process or to the next one.
        """
        self._closing = True
        for _, end in list(self._enders.values()):
            end()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
        return len(self._enders)

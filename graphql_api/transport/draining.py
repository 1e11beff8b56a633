"""uvicorn protocols that let no connection linger whose peer does not read, and that may write to one that is lost.

The transports give a stalled client up, but uvicorn then waits for its socket to drain, which a peer
that keeps its receive window closed can delay for ever, at the cost of a descriptor each time.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn._types import ASGISendEvent

from graphql_api.transport.direct_text import DirectText
from graphql_api.transport.request_heads import BoundedHeads
from graphql_api.transport.strict_frames import StrictFrames

DRAIN_S = 15.0
"""How long bytes may wait for a peer that takes none of them."""


class _Forgiving:
    """A connection to which may be written when it `is_lost`, as to asyncio's own.

    Of requests that were sent one behind the other, uvicorn tells only the last that the connection is lost. What
    is answered to another then would be an error on uvloop, and look like a bug in the log.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.is_lost = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self.is_lost:
            self._transport.write(data)


class _Draining(asyncio.Protocol):
    """Aborts the connection when bytes wait and the peer takes none for a while.

    Nothing waits above the kernel's own buffer unless that is full, so a paused writer means a peer
    that does not read; this also keeps the memory of a stalled connection small.
    """

    transport: asyncio.Transport
    drain_s = DRAIN_S
    _waiting_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        self._unwatch()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._waiting_bytes = self.transport.get_write_buffer_size()
        self._timer = asyncio.get_running_loop().call_later(self.drain_s, self._check)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        if self.transport.get_write_buffer_size() >= self._waiting_bytes:
            self.transport.abort()
        else:
            self._watch()


class DrainingHttp(_Draining, BoundedHeads):
    """HTTP; give it to uvicorn as `http`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connection = cast("asyncio.Transport", transport)
        self._forgiving = _Forgiving(self._connection)
        super().connection_made(cast("asyncio.Transport", self._forgiving))

    def connection_lost(self, exc: Exception | None) -> None:
        self._forgiving.is_lost = True
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand over the connection itself: a WebSocket is told of its loss, and writes much."""
        self.transport = self._connection
        super().handle_websocket_upgrade()


class DrainingWebSocket(_Draining, DirectText, StrictFrames):
    """WebSockets; give it to uvicorn as `ws`.

    The closing frame does not wait for the client to read: it queues behind what was sent before and
    tells a client that reads on in time why its connection ended.
    """

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)

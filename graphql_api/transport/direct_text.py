"""The short way of a text frame to a WebSocket that takes it at once: no coroutine, no timer, no second copy.

An ASGI `send` may have to wait, so that whoever awaits it needs a bound on that; in a fan-out this
costs more than the frame itself (measured: 20 of 55 us a delivery). A server can offer the extension
`EXTENSION` in its scope: a function that either sends a text now, or says no and leaves it to `send`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import Scope
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.protocol import State

from graphql_api.transport.inbox import Inbox

EXTENSION = "codelab.direct_text"
_FINAL_TEXT = 0x81
"""FIN and the opcode of text (RFC 6455, section 5.2)."""

SendNow = Callable[[str], bool]
"""Sends a text frame now; False when it can't, and nothing was sent."""


def direct_text(scope: Scope) -> SendNow | None:
    """What the server offers for this WebSocket."""
    offered: SendNow | None = scope.get("extensions", {}).get(EXTENSION)
    return offered


class DirectText(WebSocketsSansIOProtocol):
    """A server's side of the extension, for connections without WebSocket extensions."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        inbox: Inbox[ASGIReceiveEvent] = Inbox()
        self.queue = inbox  # type: ignore[assignment]  # all that is used of a queue

    async def run_asgi(self) -> None:
        """Offer it in the scope."""
        extensions: dict[str, object] = self.scope["extensions"]  # type: ignore[assignment]  # uvicorn knows its own
        extensions[EXTENSION] = self.send_now
        await super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        """Send; once the handshake is done, forget what it consisted of: nobody reads it, and sockets live long."""
        await super().send(message)
        if message["type"] == "websocket.accept" and self.handshake_complete:
            del self.request, self.response

    def send_now(self, text: str) -> bool:
        """Write a whole text frame unless the peer is behind, or the connection is not open or about to end."""
        if (
            not self.writable.is_set()
            or not self.handshake_complete
            or self.close_sent
            or self.disconnected
            or self.conn.state is not State.OPEN
            or self.conn.extensions
            or self.transport.is_closing()
        ):
            return False
        payload = text.encode()
        self.transport.write(_head(len(payload)) + payload)
        return True


def _head(length: int) -> bytes:
    """A frame's first bytes: never masked on the way from a server."""
    if length < 126:
        return bytes((_FINAL_TEXT, length))
    if length < 65_536:
        return bytes((_FINAL_TEXT, 126)) + length.to_bytes(2)
    return bytes((_FINAL_TEXT, 127)) + length.to_bytes(8)

"""The WebSocket endpoint: graphql-transport-ws, and nothing older."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from graphql_api.transport.clients import client_ip, subject
from graphql_api.transport.direct_text import direct_text
from graphql_api.transport.errors import Code, Refused, refused, retry_after
from graphql_api.transport.frames import PROTOCOL
from graphql_api.transport.origins import Origins
from graphql_api.transport.responses import deny_websocket
from graphql_api.transport.socket_channel import SocketChannel
from graphql_api.transport.socket_connection import SocketConnection, SocketParts


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketEndpoint:
    """The ASGI application behind the API's path, for WebSockets.

    Close codes: 4400 malformed frame, 4401 operation before the acknowledgement, 4403 bad, expired
    or revoked credentials, 4406 another subprotocol, 4408 no `connection_init` in time, 4409 id in
    use, 4429 second `connection_init`, 1009 frame too large, 1011 a bug of ours, 1012 the server
    restarts, 1013 the client does not read, answers no ping, has too many connections, or a store is
    away. Clients retry 4403, 4408, 1012 and 1013. Before that, a foreign page is refused with 403, an
    address of which too many wait to be initialised with 429, and anyone while the server stops with 503.
    """

    parts: SocketParts
    origins: Origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket until it closes."""
        connection = HTTPConnection(scope)
        with ExitStack() as newcomer:
            try:
                self._admit(connection, newcomer)
            except Refused as refusal:
                await deny_websocket(refusal, scope, receive, send, status=refusal.status)
                return
            await self._serve(connection, newcomer, receive, send)

    async def _serve(
        self, connection: HTTPConnection, newcomer: ExitStack, receive: Receive, send: Send
    ) -> None:
        await receive()
        offered = connection.scope.get("subprotocols", [])
        try:
            await send({"type": "websocket.accept", "subprotocol": _answer(offered)})
        except OSError:
            return
        bounds = self.parts.bounds
        channel = SocketChannel(
            receive,
            send,
            frame_bytes=bounds.frame_bytes,
            stall_s=bounds.stall_s,
            direct=direct_text(connection.scope),
        )
        if PROTOCOL in offered:
            await SocketConnection(self.parts, connection, channel, newcomer=newcomer).serve()
        else:
            await channel.close(4406, f"Subprotocol not acceptable: only {PROTOCOL} is")

    def _admit(self, connection: HTTPConnection, newcomer: ExitStack) -> None:
        headers = connection.headers
        if not self.origins.allows(headers.get("origin"), host=headers.get("host")):
            raise refused(Code.FORBIDDEN_ORIGIN, "Pages of this origin may not use the API.", status=403)
        if self.parts.connections.closing:
            message = "The server is stopping."
            raise refused(Code.SHUTTING_DOWN, message, status=503, headers=retry_after(1))
        newcomer.enter_context(self.parts.newcomers.taken(subject(None, client_ip(connection))))


def _answer(offered: Sequence[str]) -> str | None:
    """The subprotocol to accept with; a wrong one is echoed, or browsers would not see the close code."""
    return PROTOCOL if PROTOCOL in offered else next(iter(offered), None)

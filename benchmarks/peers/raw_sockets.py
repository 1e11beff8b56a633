"""The floor of a fan-out: CodeLab's own WebSocket stack, and nothing but a loop that sends the same bytes."""

from __future__ import annotations

import orjson
from starlette.types import Receive, Scope, Send

from benchmarks.peers.data import serve


class RawSockets:
    """Answers `connection_init`, takes every later frame for a subscription, and sends what is posted to all."""

    def __init__(self) -> None:
        self._subscribed: dict[Send, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket, or one publication."""
        if scope["type"] == "websocket":
            await self._follow(receive, send)
        elif scope["type"] == "http":
            await self._publish(receive, send)

    async def _follow(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        await receive()
        await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
        while (await receive())["type"] != "websocket.disconnect":
            self._subscribed[send] = None
        self._subscribed.pop(send, None)

    async def _publish(self, receive: Receive, send: Send) -> None:
        text = (await receive())["body"].decode()
        for subscriber in list(self._subscribed):
            await subscriber({"type": "websocket.send", "text": text})
        body = orjson.dumps({"sent": len(self._subscribed)})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    serve(RawSockets())

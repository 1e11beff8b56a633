"""The way of frames to and from one WebSocket, with bounds on their size and on waiting."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Send

from graphql_api.transport.direct_text import SendNow

CLOSE_S = 1.0
"""How long the closing frame may wait behind a client that does not read."""
MAX_REASON_BYTES = 123
"""The room for a reason in a closing frame (RFC 6455, section 5.5)."""


class CloseSocket(Exception):
    """Ends the connection with a code and a reason that the client sees."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code}: {reason}")


class PeerGone(Exception):
    """The client has closed the connection, or it broke."""


class SocketChannel:
    """Reads and writes text frames; may be written to by many tasks at once.

    With `direct`, what the client takes at once goes out without a wait that would have to be bounded.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        frame_bytes: int,
        stall_s: float,
        direct: SendNow | None = None,
    ) -> None:
        self._receive = receive
        self._send = send
        self._direct = direct
        self._frame_bytes = frame_bytes
        self._stall_s = stall_s

    async def receive(self) -> str:
        """The next text frame.

        Raises:
            PeerGone: there will be none.
            CloseSocket: it is binary (4400) or too large (1009).
        """
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise PeerGone
        text = message.get("text")
        if not isinstance(text, str):
            raise CloseSocket(4400, "Not a text frame")
        if len(text) > self._frame_bytes:
            raise CloseSocket(1009, f"A frame may have {self._frame_bytes} bytes")
        return text

    async def send(self, text: str) -> None:
        """Write a text frame; waits while the client's buffers are full.

        Raises:
            PeerGone: there is nobody to write to.
            CloseSocket: the client did not read for too long (1013, which clients retry).
        """
        if self._direct is not None and self._direct(text):
            return
        try:
            async with asyncio.timeout(self._stall_s):
                await self._send({"type": "websocket.send", "text": text})
        except TimeoutError:
            raise CloseSocket(1013, "The client reads too slowly: resume later") from None
        except OSError:
            raise PeerGone from None

    async def close(self, code: int, reason: str) -> None:
        """Write the closing frame, if the client takes it."""
        short = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._send({"type": "websocket.close", "code": code, "reason": short})
        except (TimeoutError, OSError, RuntimeError):
            return

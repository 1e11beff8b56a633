"""WebSocket connections that refuse what uvicorn would take, keep or stumble over.

Each override names the case: all were found with a hostile client.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

FRAGMENTS = 1_024
"""Pieces of one message: empty ones count for nothing against its size and would never end."""


class StrictFrames(WebSocketsSansIOProtocol):
    """Bounds what a peer may have waiting inside the protocol, and closes on what can't be understood."""

    transport: asyncio.Transport

    def data_received(self, data: bytes) -> None:
        """Also end a handshake that was refused before a request was made of it: nobody else would."""
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_connect(self, event: Request) -> None:
        """Refuse a path that is not ASCII, which the scope could not hold."""
        if event.path.isascii():
            super().handle_connect(event)
        else:
            self.conn.send_response(self.conn.reject(HTTPStatus.BAD_REQUEST, "The path is not ASCII.\n"))

    def handle_ping(self) -> None:
        """Read no more from who asks for pongs and does not take them."""
        super().handle_ping()
        if not self.writable.is_set() and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        """Close on a message in too many pieces (1009)."""
        super().handle_cont(event)
        if len(self.frames) > FRAGMENTS:
            self._fail(CloseCode.MESSAGE_TOO_BIG, f"A message may have {FRAGMENTS} fragments")

    def send_receive_event_to_app(self) -> None:
        """Close on text that is not UTF-8 (1007), without a traceback in the log."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_text(self.frames):
            self._fail(CloseCode.INVALID_DATA, "Not UTF-8")
        else:
            super().send_receive_event_to_app()

    async def send(self, message: ASGISendEvent) -> None:
        """Send; who was closed for a broken frame is gone, which is no mistake of the sender.

        Raises:
            ClientDisconnected: there is nobody to send to.
        """
        try:
            await super().send(message)
        except RuntimeError:
            if self.close_sent:
                raise ClientDisconnected from None
            raise
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True  # refused in order: no error for the log

    def _fail(self, code: CloseCode, reason: str) -> None:
        self.frames = []
        self.conn.fail(code, reason)
        self.handle_parser_exception()


def _is_text(frames: list[bytes]) -> bool:
    data = frames[0] if len(frames) == 1 else b"".join(frames)
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True

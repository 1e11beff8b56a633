"""HTTP connections on which requests must begin in time and without endless preliminaries.

uvicorn bounds neither: a client that sends a header a minute would hold a descriptor for ever, and
one that never ends a header (or a trailer, or a chunk's extension) would fill the memory.
"""

from __future__ import annotations

import asyncio

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from graphql_api.transport.errors import Code, refused

HEAD_S = 10.0
"""How long the head of a request may take to arrive, from the first byte or from the connection on."""
HEAD_BYTES = 64 * 1024
"""How much may be sent that is neither a complete head nor part of a body; what one read brings may exceed it."""
HEADERS = 100
"""The fields of one request, as many as common servers take."""


class BoundedHeads(HttpToolsProtocol):
    """Closes a connection whose next request does not come; refuses heads that are too large.

    A response that was sent before the request's body had come leaves the rest of that body the same
    time: a refused upload can't go on for ever either.
    """

    transport: asyncio.Transport
    head_s = HEAD_S
    _deadline: asyncio.TimerHandle | None = None
    _fruitless_bytes = 0
    _too_large = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn names the kind it gets
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and ((cycle := self._latest) is None or cycle.response_complete):
            self._await_head()
        self._fruitless_bytes += len(data)
        super().data_received(data)
        if self._fruitless_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._too_large = True
            self.send_400_response("")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > HEADERS:
            self._too_large = True
            raise ValueError("too many headers")  # ends parsing, and the request with an answer

    def on_headers_complete(self) -> None:
        self._fruitless_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._fruitless_bytes = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer what can't be read as a request, unless another response is on its way, and close."""
        del msg  # ours is JSON
        cycle = self._latest
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(_TOO_LARGE if self._too_large else _MALFORMED)
        self.transport.close()

    @property
    def _latest(self) -> RequestResponseCycle | None:
        """The request that came last, if any did."""
        return self.cycle

    def _await_head(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self.head_s, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _answer(status: bytes, code: Code, message: str) -> bytes:
    body = orjson.dumps({"errors": refused(code, message).errors})
    head = (
        b"HTTP/1.1 %b\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: %d\r\n"
        b"cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return head % (status, len(body)) + body


_MALFORMED = _answer(b"400 Bad Request", Code.BAD_REQUEST, "This is not a valid HTTP request.")
_TOO_LARGE = _answer(
    b"431 Request Header Fields Too Large", Code.TOO_LARGE, "The head of the request is too large."
)

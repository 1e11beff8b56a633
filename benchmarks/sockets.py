"""A crowd of WebSocket subscribers that costs little beside what it measures: frames are counted, not decoded."""

from __future__ import annotations

import asyncio
import base64
import os
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

import orjson

from benchmarks.account import PATH
from benchmarks.http import TIMEOUT_S, UnexpectedAnswer

OPENED_AT_ONCE = 50
_ACK, _PING, _NEXT = b'{"type":"connection_ack"', b'{"type":"ping"', b'"type":"next"'
_PONG = b'{"type":"pong"}'


def raise_file_limit(wanted: int) -> None:
    """Let this process and its children hold so many sockets, as far as the machine allows.

    Raises:
        UnexpectedAnswer: it does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise UnexpectedAnswer(f"{wanted} open files are needed, {hard} are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Crowd:
    """Sockets that all follow one subscription; knows when every one of them has a certain event."""

    def __init__(self, url: str, *, init: object, subscribe: object) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self.frames = [
            _masked(orjson.dumps({"type": "connection_init", "payload": init})),
            _masked(orjson.dumps({"id": "1", "type": "subscribe", "payload": subscribe})),
        ]
        self._sockets: list[_Socket] = []
        self._marker = b"\0"
        self._missing = 0
        self._all = asyncio.Event()
        self._done_at = 0.0
        self.sample = b""
        self.problem = ""

    @property
    def size(self) -> int:
        """How many are subscribed."""
        return len(self._sockets)

    async def grow(self, size: int) -> None:
        """Open sockets until there are so many.

        Raises:
            UnexpectedAnswer: one was not let in.
        """
        while (missing := size - self.size) > 0:
            opening = (self._open() for _ in range(min(missing, OPENED_AT_ONCE)))
            self._sockets += await asyncio.gather(*opening)

    async def _open(self) -> _Socket:
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(lambda: _Socket(self), self._host, self._port)
        async with asyncio.timeout(TIMEOUT_S):
            await socket.subscribed
        return socket

    def expect(self, marker: bytes) -> None:
        """From now on count the frames with this text."""
        self._marker, self._missing = marker, self.size
        self._all.clear()

    async def everyone(self) -> float:
        """When the last one had the event, on `time.perf_counter`.

        Raises:
            UnexpectedAnswer: a socket was closed.
            TimeoutError: somebody waits in vain.
        """
        async with asyncio.timeout(TIMEOUT_S):
            await self._all.wait()
        if self.problem:
            raise UnexpectedAnswer(self.problem)
        return self._done_at

    def take(self, frame: bytes) -> None:
        """A frame came in on some socket."""
        if self._marker in frame and _NEXT in frame:
            self._missing -= 1
            if not self._missing:
                self._done_at, self.sample = time.perf_counter(), frame
                self._all.set()

    def lost(self, why: str) -> None:
        """A socket ended while it was needed."""
        self.problem = self.problem or why
        self._all.set()

    def close(self) -> None:
        """Close all sockets at once."""
        for socket in self._sockets:
            socket.abort()
        self._sockets.clear()


@asynccontextmanager
async def crowd(url: str, *, init: object, subscribe: object) -> AsyncIterator[Crowd]:
    """An empty crowd, which is sent home with the block."""
    them = Crowd(url, init=init, subscribe=subscribe)
    try:
        yield them
    finally:
        them.close()


class _Socket(asyncio.Protocol):
    """One subscriber: shakes hands, subscribes, and passes frames on."""

    def __init__(self, them: Crowd) -> None:
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._crowd = them
        self._transport: asyncio.Transport
        self._rest = b""
        self._open = False
        self._wanted = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is registered as none
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            (
                f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
            ).encode()
        )

    def data_received(self, data: bytes) -> None:
        self._rest = data = self._rest + data if self._rest else data
        if not self._open:
            head, end, self._rest = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = data
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self._fail(head[:200].decode())
                return
            self._open = True
            self._transport.write(self._crowd.frames[0])
        self._cut()

    def _cut(self) -> None:
        """Hand over the whole frames among what came."""
        data, place = self._rest, 0
        while (size := _size(data, place)) is not None and len(data) >= place + sum(size):
            head, length = size
            self._take(data[place], data[place + head : place + head + length])
            place += head + length
        self._rest = data[place:]

    def _take(self, first: int, payload: bytes) -> None:
        if first != 0x81:
            self._fail(f"frame {first:#x} {payload[:200]!r}")
        elif payload.startswith(_ACK):
            self._transport.write(self._crowd.frames[1])
            self.subscribed.set_result(None)
        elif payload.startswith(_PING):
            self._transport.write(_masked(_PONG))
        elif _NEXT in payload:
            self._crowd.take(payload)
        else:
            self._fail(payload[:200].decode())

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"closed: {exc}")

    def abort(self) -> None:
        """Leave without a word."""
        self._wanted = False
        self._transport.abort()

    def _fail(self, why: str) -> None:
        if not self.subscribed.done():
            self.subscribed.set_exception(UnexpectedAnswer(why))
        elif self._wanted:
            self._crowd.lost(why)
        self._wanted = False


def _size(data: bytes, place: int) -> tuple[int, int] | None:
    """The bytes of a frame's head and of its payload (RFC 6455, section 5.2); None when more must come."""
    if len(data) < place + 2:
        return None
    length = data[place + 1]
    if length < 126:
        return 2, length
    head = 4 if length == 126 else 10
    return (head, int.from_bytes(data[place + 2 : place + head])) if len(data) >= place + head else None


def _masked(text: bytes) -> bytes:
    """A text frame of a client, under the mask that changes nothing."""
    length = len(text)
    size = bytes([0x80 | length]) if length < 126 else bytes([0x80 | 126]) + length.to_bytes(2)
    return b"\x81" + size + bytes(4) + text

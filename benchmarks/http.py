"""A client that costs little beside what it measures: one connection, kept alive, one request at a time."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

TIMEOUT_S = 60.0


class UnexpectedAnswer(RuntimeError):
    """The server answered something else than was asked for."""


class Connection:
    """One keep-alive connection to a server, opened by the first request; again when the server ended an idle one."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        self._head = f"Host: {parts.netloc}\r\nAccept: application/json\r\n{bearer}"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._streams is not None:
            self._streams[1].close()

    async def get(self, path: str) -> bytes:
        """The body of a page.

        Raises:
            UnexpectedAnswer: its status is not 200.
        """
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())

    async def post(self, path: str, body: bytes) -> bytes:
        """The answer to a JSON body.

        Raises:
            UnexpectedAnswer: its status is not 200.
        """
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Type: application/json\r\n"
        return await self._ask(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def _ask(self, request: bytes) -> bytes:
        async with asyncio.timeout(TIMEOUT_S):
            if self._streams is None or self._streams[0].at_eof():
                self._streams = await asyncio.open_connection(self._host, self._port)
            reader, writer = self._streams
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
        if not head.startswith(b"HTTP/1.1 200 "):
            raise UnexpectedAnswer(f"{head.splitlines()[0].decode()}: {body[:500].decode()}")
        return body


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise UnexpectedAnswer("an answer without its length")

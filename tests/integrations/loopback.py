"""A loopback server that reads requests to an OpenAI-compatible endpoint; what is said to them is its subclasses' part."""

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from typing import Any, Self

Request = dict[str, Any]


class LoopbackServer(ABC):
    """Reads one request after the other on each connection.

    Attributes:
        requests: The JSON bodies that came, in order.
        heads: Their heads, as text.
        connected: How many connections were made.
    """

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.requests: list[Request] = []
        self.heads: list[str] = []
        self.connected = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL would be."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    @abstractmethod
    async def answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Say something to the last of the requests, or nothing; ConnectionError closes the connection."""

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    await self.answer(await self._request(reader), reader, writer)
        finally:
            writer.transport.abort()

    async def _request(self, reader: asyncio.StreamReader) -> Request:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = next(
            int(line.split(":")[1]) for line in head.lower().splitlines() if line.startswith("content-length")
        )
        request: Request = json.loads(await reader.readexactly(size))
        self.requests.append(request)
        self.heads.append(head)
        return request

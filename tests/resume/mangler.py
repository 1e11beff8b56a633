"""A way to Redis that mistreats publications: late, out of order, doubled, lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import Self

PUBLICATION = b"*3\r\n$7\r\nmessage\r\n"
LATE_S = 0.3


class Mangler:
    """A TCP proxy that understands Redis' answers and leaves all but publications as they are.

    Args:
        upstream_port: Where Redis, or the next proxy, listens on the loopback interface.
        random: Decides what happens to each publication.
    """

    def __init__(self, upstream_port: int, *, random: Random) -> None:
        self.port = 0
        self.late = self.doubled = self.lost = 0
        self._upstream_port = upstream_port
        self._random = random
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
                try:
                    await self._join(reader, writer, up_reader, up_writer)
                finally:
                    up_writer.transport.abort()
        finally:
            writer.transport.abort()

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> None:
        ways = [
            asyncio.ensure_future(_pass_on(reader, up_writer)),
            asyncio.ensure_future(self._answer(up_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _answer(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while True:
            answer = await _one_answer(source)
            for delay_s in self._fate(answer):
                if delay_s:
                    asyncio.get_running_loop().call_later(delay_s, _write, sink, answer)
                else:
                    _write(sink, answer)
            await sink.drain()

    def _fate(self, answer: bytes) -> list[float]:
        """After how many seconds an answer is delivered, for each time that it is."""
        if not answer.startswith(PUBLICATION):
            return [0.0]
        draw, late_s = self._random.random(), self._random.uniform(0.0, LATE_S)
        if draw < 0.06:
            self.lost += 1
            return []
        if draw < 0.16:
            self.doubled += 1
            return [0.0, late_s]
        if draw < 0.34:
            self.late += 1
            return [late_s]
        return [0.0]


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(65_536):
        sink.write(chunk)
        await sink.drain()


async def _one_answer(source: asyncio.StreamReader) -> bytes:
    """One whole answer of RESP 2, with everything that is in it."""
    line = await source.readuntil(b"\r\n")
    kind, rest = line[:1], line[1:]
    if kind == b"$" and int(rest) >= 0:
        return line + await source.readexactly(int(rest) + 2)
    if kind == b"*":
        return line + b"".join([await _one_answer(source) for _ in range(max(int(rest), 0))])
    return line


def _write(sink: asyncio.StreamWriter, answer: bytes) -> None:
    if not sink.is_closing():
        sink.write(answer)

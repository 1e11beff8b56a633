"""A TCP proxy that misbehaves on command: cut, delay, black hole, down."""

import asyncio
import contextlib
from typing import Self

CHUNK_BYTES = 65_536


class FaultProxy:
    """Forwards a random loopback port to a server and breaks the network in between.

    Args:
        upstream_port: Port of the real server.
        upstream_host: Address of the real server.

    Attributes:
        latency_s: Delay of each chunk, in each direction.
    """

    def __init__(self, upstream_port: int, *, upstream_host: str = "127.0.0.1") -> None:
        self._upstream = (upstream_host, upstream_port)
        self._passing = asyncio.Event()
        self._passing.set()
        self._down = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self.latency_s = 0.0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def connections(self) -> int:
        """How many clients are connected at this moment."""
        return len(self._connections)

    def cut(self) -> None:
        """Reset every open connection; new ones are accepted."""
        for writer in self._writers:
            writer.transport.abort()

    def go_down(self) -> None:
        """Reset every open connection and each new one, as a server that is gone."""
        self._down = True
        self.cut()

    def come_back(self) -> None:
        """Accept connections and pass bytes again."""
        self._down = False
        self._passing.set()

    def swallow(self) -> None:
        """Become a black hole: connections stay open and nothing arrives until `come_back`."""
        self._passing.clear()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._down:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._forward(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError):
                await self._join(reader, writer)
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        self._writers.add(up_writer)
        try:
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._pump(reader, up_writer))
                directions.create_task(self._pump(up_reader, writer))
        finally:
            up_writer.transport.abort()
            self._writers.discard(up_writer)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Pass bytes one way until the source ends, then hand the end on; a reset ends both ways."""
        try:
            while chunk := await source.read(CHUNK_BYTES):
                if self.latency_s:
                    await asyncio.sleep(self.latency_s)
                await self._passing.wait()
                sink.write(chunk)
                await sink.drain()
            await self._passing.wait()
            sink.write_eof()
        except OSError:
            sink.transport.abort()

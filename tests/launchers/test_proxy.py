"""The fault proxy between a client and an echo server."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Self

import pytest

from tests.launchers.ports import free_port
from tests.launchers.proxy import FaultProxy


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with FaultProxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()
    await server.wait_closed()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(1024):
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


class Client:
    """One connection through the proxy."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._port = proxy.port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def echo(self, text: bytes) -> bytes:
        self.writer.write(text)
        await self.writer.drain()
        if not (answer := await self.reader.read(1024)):
            raise EOFError
        return answer


async def test_bytes_pass_both_ways_and_the_end_is_handed_on(proxy: FaultProxy) -> None:
    async with Client(proxy) as client:
        assert await client.echo(b"hello") == b"hello"
        client.writer.write_eof()

        assert await client.reader.read() == b""


async def test_a_cut_ends_open_connections_and_lets_new_ones_in(proxy: FaultProxy) -> None:
    async with Client(proxy) as client:
        await client.echo(b"hello")

        proxy.cut()

        with pytest.raises((ConnectionError, EOFError)):
            await client.echo(b"hello")
    async with Client(proxy) as later:
        assert await later.echo(b"again") == b"again"


async def test_a_proxy_that_is_down_refuses_until_it_comes_back(proxy: FaultProxy) -> None:
    proxy.go_down()

    async with Client(proxy) as client:
        with pytest.raises((ConnectionError, EOFError)):
            await client.echo(b"hello")
    proxy.come_back()

    async with Client(proxy) as later:
        assert await later.echo(b"again") == b"again"


async def test_a_black_hole_keeps_connections_and_delivers_after_it_healed(proxy: FaultProxy) -> None:
    async with Client(proxy) as client:
        await client.echo(b"hello")

        proxy.swallow()
        client.writer.write(b"late")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.read(1024), timeout=0.05)
        proxy.come_back()

        assert await client.reader.read(1024) == b"late"


async def test_latency_is_added_in_each_direction(proxy: FaultProxy) -> None:
    async with Client(proxy) as client:
        proxy.latency_s = 0.03

        began = time.perf_counter()
        await client.echo(b"hello")

        assert time.perf_counter() - began >= 0.06


async def test_a_server_that_is_gone_ends_the_connection() -> None:
    async with FaultProxy(free_port()) as proxy, Client(proxy) as client:
        with pytest.raises((ConnectionError, EOFError)):
            await client.echo(b"hello")

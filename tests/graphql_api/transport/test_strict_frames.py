"""WebSocket frames that no honest client sends, and what becomes of their connection."""

import asyncio
import json
import logging
from contextlib import suppress

import pytest
from websockets.frames import Frame, Opcode

from graphql_api.transport.strict_frames import FRAGMENTS
from tests.graphql_api.transport.serving import Served
from tests.graphql_api.transport.test_websocket import Peer

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n{headers}\r\n"
)


async def handshake(
    served: Served, path: bytes = b"/graphql", headers: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """A connection, and the first line and headers of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(HANDSHAKE.format(path="#", headers=headers).encode().replace(b"#", path, 1))
    async with asyncio.timeout(60):
        return reader, writer, await reader.readuntil(b"\r\n\r\n")


async def closing(served: Served, *frames: Frame) -> int | None:
    """The code with which the server closes after these frames; None when it resets the connection."""
    async with served.connect() as socket:
        for frame in frames:
            socket.transport.write(frame.serialize(mask=True))
        async with asyncio.timeout(60):
            await socket.wait_closed()
        return socket.close_code


@pytest.mark.parametrize("text", [b"\xff", b"\xed\xa0\x80", b'{"type":"ping","payload":{"x":"\xc3"}}'])
async def test_text_that_is_not_utf_8_closes_with_1007_and_logs_no_traceback(
    served: Served, caplog: pytest.LogCaptureFixture, text: bytes
) -> None:
    with caplog.at_level(logging.WARNING):
        assert await closing(served, Frame(Opcode.TEXT, text)) == 1007

    assert caplog.records == []


async def test_text_beyond_ascii_passes_also_in_pieces(served: Served) -> None:
    data = '{"type":"ping","payload":{"x":"ы😀"}}'.encode()

    async with served.connect() as socket:
        for index, byte in enumerate(data):
            opcode = Opcode.CONT if index else Opcode.TEXT
            fin = index == len(data) - 1
            socket.transport.write(Frame(opcode, bytes([byte]), fin=fin).serialize(mask=True))
        async with asyncio.timeout(60):
            answer = json.loads(await socket.recv())

    assert answer == {"type": "pong", "payload": {"x": "ы😀"}}


async def test_a_message_in_too_many_pieces_closes_with_1009(served: Served) -> None:
    pieces = [Frame(Opcode.CONT, b"", fin=False)] * FRAGMENTS

    assert await closing(served, Frame(Opcode.TEXT, b"", fin=False), *pieces) == 1009


async def test_a_broken_frame_beside_a_subscription_is_no_bug(served: Served) -> None:
    async with served.connect() as socket:
        await socket.send('{"type":"connection_init"}')
        query = json.dumps({"query": "subscription { count(to: 1000000) }"})
        await socket.send(f'{{"type":"subscribe","id":"1","payload":{query}}}')
        for _ in range(10):
            await socket.recv()
        socket.transport.write(Frame(Opcode.TEXT, b"\xff").serialize(mask=True))

        assert (await Peer(socket).closing())[0] == 1007
    assert [outcome for _, outcome in served.world.finished] == ["cancelled"]


async def test_pongs_that_nobody_takes_are_made_no_more(served: Served) -> None:
    ping = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 1_000
    _, writer, _ = await handshake(served)
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a socket's
    sent = 0

    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            while sent < 64 * 1024 * 1024:
                writer.write(ping)
                await writer.drain()
                sent += len(ping)
    writer.transport.abort()

    assert sent < 32 * 1024 * 1024


async def test_who_takes_the_pongs_later_is_read_again(served: Served) -> None:
    ping = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 1_000
    reader, writer, _ = await handshake(served)
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a socket's
    for _ in range(100):
        writer.write(ping)

    writer.transport.resume_reading()  # type: ignore[attr-defined]
    pongs = 0
    async with asyncio.timeout(60):
        while pongs < 100_000 * 127:
            pongs += len(await reader.read(1024 * 1024))
    writer.write(Frame(Opcode.TEXT, b'{"type":"ping"}').serialize(mask=True))
    async with asyncio.timeout(60):
        answer = await reader.readuntil(b"}")
    writer.close()

    assert answer.endswith(b'{"type":"pong"}')


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (b"/graphql\xff", ""),
        (b"/graphql", "X-Long: " + "y" * 9_000 + "\r\n"),
        (b"/" + b"x" * 9_000, ""),
    ],
)
async def test_a_handshake_that_can_not_be_read_is_answered_and_closed(
    served: Served, caplog: pytest.LogCaptureFixture, path: bytes, headers: str
) -> None:
    with caplog.at_level(logging.ERROR):
        reader, writer, head = await handshake(served, path, headers)
        async with asyncio.timeout(60):
            await reader.read()
        writer.close()

    assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 ", b"HTTP/1.1 414 "))
    assert caplog.records == []


async def test_a_handshake_that_is_refused_is_no_error(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        reader, writer, head = await handshake(served, headers="Origin: https://evil.example\r\n")
        async with asyncio.timeout(60):
            await reader.read()
        writer.close()

    assert head.startswith(b"HTTP/1.1 403 ")
    assert caplog.records == []

"""Frames that go out at once are the same bytes, and go out only when nothing speaks against it."""

import asyncio
from typing import Any, cast

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from graphql_api.transport.direct_text import EXTENSION, DirectText, direct_text
from graphql_api.transport.socket_channel import SocketChannel


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing


@pytest.fixture
async def protocol() -> DirectText:
    """An open connection."""
    made = DirectText(Config(cast("Any", None), ws="none", lifespan="off"), ServerState(), {})
    made.transport = cast("Any", Wire())
    made.handshake_complete = True
    made.conn.state = State.OPEN
    return made


def wire(protocol: DirectText) -> Wire:
    return cast("Wire", protocol.transport)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 200_000])
async def test_a_frame_is_what_the_library_makes(protocol: DirectText, length: int) -> None:
    text = "ж" * (length // 2) + "x" * (length % 2)

    assert protocol.send_now(text)

    expected = Frame(Opcode.TEXT, text.encode()).serialize(mask=False, extensions=[])
    assert wire(protocol).written == [expected]


@pytest.mark.parametrize(
    "case", ["behind", "opening", "closed", "gone", "half closed", "deflated", "closing"]
)
async def test_nothing_is_sent_when_it_would_have_to_wait_or_could_not_arrive(
    protocol: DirectText, case: str
) -> None:
    match case:
        case "behind":
            protocol.writable.clear()
        case "opening":
            protocol.handshake_complete = False
        case "closed":
            protocol.close_sent = True
        case "gone":
            protocol.disconnected = True
        case "half closed":
            protocol.conn.state = State.CLOSING
        case "deflated":
            protocol.conn.extensions = [cast("Any", object())]
        case "closing":
            wire(protocol).closing = True

    assert not protocol.send_now("text")
    assert wire(protocol).written == []


async def test_a_channel_sends_the_ordinary_way_what_does_not_go_out_at_once() -> None:
    sent: list[object] = []
    at_once = [True, False]

    async def send(message: object) -> None:
        sent.append(message)

    channel = SocketChannel(
        cast("Any", None), cast("Any", send), frame_bytes=10, stall_s=1, direct=lambda _: at_once.pop(0)
    )
    await channel.send("first")
    await channel.send("second")

    assert sent == [{"type": "websocket.send", "text": "second"}]


def test_a_server_may_offer_nothing() -> None:
    assert direct_text({"type": "websocket"}) is None
    assert direct_text({"type": "websocket", "extensions": {EXTENSION: bool}}) is bool

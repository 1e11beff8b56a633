"""WebSockets whose client floods, lies or breaks the protocol: the socket ends, or is bounded, and no other one."""

from __future__ import annotations

import asyncio
import json
import os
import re
import struct

import pytest
import websockets
from websockets.frames import Frame, Opcode

from tests.attack.target import PATIENCE_S, SUBSCRIPTIONS, Target, close_code, frame, subscribe

EVENTS = "subscription($s: ID!) { sessionEvents(sessionId: $s) { __typename cursor } }"
HUGE_ANSWER = """{ __schema { types { name description fields { name description args { name description
    type { name } } type { name ofType { name } } } } } }"""
_LIVE = re.compile(r"^codelab_live_subscriptions ([0-9.e+]+)$", re.MULTILINE)
_SOCKETS = re.compile(r'^codelab_connections\{transport="websocket"\} ([0-9.e+]+)$', re.MULTILINE)


async def settles(target: Target, pattern: re.Pattern[str], *, at_most: float) -> None:
    """Wait until a gauge has come down."""
    async with asyncio.timeout(PATIENCE_S):
        while await target.metric(pattern) > at_most:
            await asyncio.sleep(0.05)


async def test_operations_before_the_init_close_the_socket(target: Target) -> None:
    async def impolite() -> int | None:
        async with target.socket(init=False) as socket:
            await socket.send(subscribe("1", EVENTS, s=target.session_id))
            return await close_code(socket)

    assert await asyncio.gather(*(impolite() for _ in range(50))) == [4401] * 50


@pytest.mark.parametrize(
    "payload",
    [
        {"token": "Bearer x"},
        {"authorization": "Bearer " + "x" * 100_000},
        {"authorization": "Basic YTpi"},
        {"authorization": {"Bearer": "x"}},
        {"token": ["x"] * 1_000},
        {"token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."},
        {"token": "\x00"},
        {"authorization": "Bearer "},
    ],
)
async def test_forged_credentials_close_the_socket(target: Target, payload: dict[str, object]) -> None:
    async with target.socket(init=False) as socket:
        await socket.send(frame("connection_init", payload=payload))

        assert await close_code(socket) == 4403


async def test_hundreds_of_subscriptions_are_bounded_and_end_with_their_socket(
    target: Target, soak: bool
) -> None:
    live, each = await target.metric(_LIVE), 1_000 if soak else 300
    async with target.socket() as socket:
        for number in range(each):
            await socket.send(subscribe(f"{number}", EVENTS, s=target.session_id))
        await socket.send(subscribe("last", "{ me { __typename } }"))
        refused = await _refusals(socket, until="last", count=each - SUBSCRIPTIONS)
        running = await target.metric(_LIVE) - live

        assert refused == ["LIMIT_EXCEEDED"] * (each - SUBSCRIPTIONS)
        assert running == SUBSCRIPTIONS
        await target.person.rename(target.server.url, target.session_id, "still quick")
        got = 0
        async with asyncio.timeout(PATIENCE_S):
            while got < running:
                got += json.loads(await socket.recv())["type"] == "next"
    await settles(target, _LIVE, at_most=live)


async def test_hundreds_of_sockets_with_subscriptions_are_bounded_and_end_together(
    target: Target, soak: bool
) -> None:
    live, open_before = await target.metric(_LIVE), await target.metric(_SOCKETS)

    async def subscriber(leave: asyncio.Event) -> None:
        async with target.socket() as socket:
            for number in range(3):
                await socket.send(subscribe(f"{number}", EVENTS, s=target.session_id))
            await socket.send(subscribe("last", "{ me { __typename } }"))
            assert set(await _refusals(socket, until="last")) <= {"LIMIT_EXCEEDED"}
            await leave.wait()
            socket.transport.abort()

    leave = asyncio.Event()
    tasks = [asyncio.create_task(subscriber(leave)) for _ in range(400 if soak else 100)]
    async with asyncio.timeout(PATIENCE_S):
        while await target.metric(_LIVE) < live + SUBSCRIPTIONS:
            await asyncio.sleep(0.05)
    leave.set()
    await asyncio.wait(tasks)

    await settles(target, _LIVE, at_most=live)
    await settles(target, _SOCKETS, at_most=open_before)
    assert all(task.exception() is None for task in tasks)


async def test_an_id_in_use_ends_its_socket_alone(target: Target) -> None:
    live = await target.metric(_LIVE)
    async with target.socket() as other:
        await other.send(subscribe("1", EVENTS, s=target.session_id))
        async with target.socket() as socket:
            for _ in range(100):
                await socket.send(subscribe("1", EVENTS, s=target.session_id))

            assert await close_code(socket) == 4409
        await settles(target, _LIVE, at_most=live + 1)
        await other.send(frame("ping"))

        assert json.loads(await other.recv())["type"] == "pong"


async def test_thousands_of_tiny_operations_are_answered_or_refused_one_by_one(
    target: Target, soak: bool
) -> None:
    count, codes = 20_000 if soak else 3_000, set()
    left = {f"{number}" for number in range(count)}
    async with target.socket() as socket:
        sending = asyncio.create_task(
            _send_all(socket, [subscribe(operation_id, "{ __typename }") for operation_id in left])
        )
        async with asyncio.timeout(PATIENCE_S * 3):
            while left:
                message = json.loads(await socket.recv())
                if message["type"] in {"complete", "error"}:
                    left.remove(message["id"])
                if message["type"] == "error":
                    codes |= {error["extensions"]["code"] for error in message["payload"]}
        await sending

    assert codes <= {"LIMIT_EXCEEDED"}  # more than a thousand at once


async def test_operations_that_are_begun_and_stopped_at_once_leave_nothing(target: Target) -> None:
    live = await target.metric(_LIVE)
    async with target.socket() as socket:
        for number in range(1_000):
            await socket.send(subscribe(f"{number}", EVENTS, s=target.session_id))
            await socket.send(frame("complete", id=f"{number}"))
        await socket.send(frame("ping"))
        async with asyncio.timeout(PATIENCE_S):
            while json.loads(await socket.recv())["type"] != "pong":
                pass

        await settles(target, _LIVE, at_most=live)


async def test_a_flood_of_pings_is_answered_ping_by_ping(target: Target) -> None:
    async with target.socket(init=False) as socket:
        pinging = asyncio.create_task(_send_all(socket, [frame("ping", payload={"n": 1})] * 5_000))
        async with asyncio.timeout(PATIENCE_S * 2):
            for _ in range(5_000):
                assert json.loads(await socket.recv()) == {"type": "pong", "payload": {"n": 1}}
        await pinging


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.TEXT])
async def test_who_asks_for_answers_and_takes_none_is_read_no_further(target: Target, opcode: Opcode) -> None:
    text = frame("ping", payload={"x": "y" * 100}).encode()
    asked = _masked(opcode, b"p" * 125 if opcode is Opcode.PING else text) * 2_000
    before, sent = target.rss_bytes, 0
    writer = await _upgraded(target)

    try:
        async with asyncio.timeout(3):
            while sent < 200 * 1024 * 1024:
                writer.write(asked)
                await writer.drain()
                sent += len(asked)
    except TimeoutError:
        pass
    grown = target.rss_bytes - before
    writer.transport.abort()

    assert sent < 64 * 1024 * 1024
    assert grown < 32 * 1024 * 1024


async def test_large_answers_that_nobody_takes_do_not_pile_up(target: Target) -> None:
    before = target.rss_bytes
    async with target.socket(max_queue=1) as socket:
        socket.transport.pause_reading()
        asking = asyncio.create_task(
            _send_all(socket, [subscribe(f"{number}", HUGE_ANSWER) for number in range(2_000)])
        )
        await asyncio.wait([asking], timeout=3)
        grown = target.rss_bytes - before
        asking.cancel()
        socket.transport.abort()
        await asyncio.wait([asking])

    assert grown < 100 * 1024 * 1024


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([(Opcode.TEXT, b"x" * (2 * 1024 * 1024 + 1), True)], 1009),
        ([(Opcode.TEXT, b"x" * 1024 * 1024, False), *[(Opcode.CONT, b"x" * 1024 * 1024, False)] * 2], 1009),
        ([(Opcode.TEXT, b"", False), *[(Opcode.CONT, b"", False)] * 5_000], 1009),
        ([(Opcode.TEXT, b"\xff\xfe", True)], 1007),
        ([(Opcode.TEXT, b"\xed\xa0\x80", True)], 1007),
        ([(Opcode.BINARY, b"\x00" * 1000, True)], 4400),
        ([(Opcode.CONT, b"x", True)], 1002),
        ([(Opcode.TEXT, b"a", False), (Opcode.TEXT, b"b", True)], 1002),
        ([(Opcode.PING, b"x" * 126, True)], 1002),
        ([(Opcode.TEXT, b"nonsense", True)], 4400),
        ([(Opcode.TEXT, b"[" * 1_000_000, True)], 4400),
        ([(Opcode.TEXT, b"9" * 1_000_000, True)], 4400),
    ],
)
async def test_a_frame_that_must_not_be_closes_its_socket_alone(
    target: Target, pieces: list[tuple[Opcode, bytes, bool]], code: int
) -> None:
    async with target.socket(init=False) as socket:
        await socket.send(frame("connection_init", payload=target.authorization))
        await socket.recv()
        await socket.send(subscribe("1", EVENTS, s=target.session_id))
        for opcode, data, fin in pieces:
            socket.transport.write(_masked(opcode, data, fin=fin))

        assert await close_code(socket) in {code, 1006}  # a reset overtakes the reason while one still floods


async def test_garbage_after_the_handshake_closes_its_socket_alone(target: Target) -> None:
    for seed in range(20):
        writer = await _upgraded(target)
        writer.write(os.urandom(512) + bytes([seed]))
        writer.write_eof()
        writer.close()


async def test_handshakes_that_are_none_are_answered_and_closed(target: Target) -> None:
    good = {
        "Host": f"127.0.0.1:{target.server.port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "graphql-transport-ws",
    }
    bad: list[tuple[bytes, dict[str, str]]] = [
        (b"/graphql", {**good, "Sec-WebSocket-Version": "7"}),
        (b"/graphql", {**good, "Sec-WebSocket-Key": "short"}),
        (b"/graphql", {name: value for name, value in good.items() if name != "Sec-WebSocket-Key"}),
        (b"/graphql", {**good, **{f"X-{number}": "y" for number in range(90)}, "X-Long": "y" * 9_000}),
        (b"/graphql", {**good, **{f"X-{number}": "y" for number in range(200)}}),
        (b"/graphql", {**good, "Cookie": "x" * 30_000}),
        (b"/graphql/\xff\xfe", good),
        (b"/%ff%fe%00", good),
        (b"/elsewhere", good),
        (b"/" + b"x" * 9_000, good),
        (b"http://evil.example/graphql", {**good, "Host": "evil.example"}),
    ]

    for path, headers in bad:
        reader, writer = await target.raw()
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(b"GET " + path + b" HTTP/1.1\r\n" + head.encode() + b"\r\n")
        async with asyncio.timeout(60):
            answer = await reader.read()
        writer.close()

        assert re.match(rb"HTTP/1\.1 (4\d\d) ", answer), (path, headers, answer)


async def _refusals(socket: websockets.ClientConnection, *, until: str, count: int = 0) -> list[str]:
    """The codes of what was refused, up to the end of an operation, and at least so many."""
    codes: list[str] = []
    ended = False
    async with asyncio.timeout(PATIENCE_S):
        while not ended or len(codes) < count:
            message = json.loads(await socket.recv())
            if message["type"] == "error":
                codes += [error["extensions"]["code"] for error in message["payload"]]
            ended = ended or (message["type"], message["id"]) == ("complete", until)
    return codes


async def _send_all(socket: websockets.ClientConnection, frames: list[str]) -> None:
    for text in frames:
        await socket.send(text)


async def _upgraded(target: Target) -> asyncio.StreamWriter:
    """A connection after the handshake, from which nobody reads."""
    reader, writer = await target.raw()
    writer.write(
        f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:{target.server.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a socket's
    return writer


def _masked(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """A frame as a client sends it, even one that no library would."""
    if opcode is Opcode.PING and len(data) > 125:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, len(data))
        return head + b"\x00" * 4 + data
    return Frame(opcode, data, fin=fin).serialize(mask=True)

"""Connections that begin something and do not end it, and heads and bodies that are larger than anyone's."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from graphql_api.transport.request_heads import HEAD_S
from tests.attack.target import PATIENCE_S, Target

MEGABYTE = 1024 * 1024
CREATE = json.dumps({"query": 'mutation { createProject(input: {name: "half"}) { __typename } }'}).encode()
COUNT = "{ me { projects { totalCount } } }"
HEAD = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
UPGRADE = b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
HANDSHAKE = (
    UPGRADE + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
CLOSE = b"\x88"
"""How the frame begins with which the server closes a WebSocket."""
REFUSED_UPLOAD = HEAD.replace(b"application/json", b"text/plain") + b"Content-Length: 99999999999\r\n\r\n"


async def nothing(_: asyncio.StreamWriter) -> None:
    """Say nothing more."""


async def drip(writer: asyncio.StreamWriter) -> None:
    """Say a little more from time to time."""
    while not writer.is_closing():
        writer.write(b"X-Slow: y\r\n")
        await asyncio.sleep(0.5)


async def drip_newlines(writer: asyncio.StreamWriter) -> None:
    """Say nothing with many bytes."""
    while not writer.is_closing():
        writer.write(b"\r\n")
        await asyncio.sleep(0.5)


HALF: dict[str, tuple[bytes, Callable[[asyncio.StreamWriter], Awaitable[None]]]] = {
    "a connection without a word": (b"", nothing),
    "half a request line": (b"POST /gra", nothing),
    "headers that do not end": (HEAD, nothing),
    "a header now and then": (HEAD, drip),
    "newlines before a request": (b"", drip_newlines),
    "half a WebSocket handshake": (UPGRADE, drip),
    "a WebSocket that is never initialised": (HANDSHAKE, nothing),
    "a body that goes on after its refusal": (REFUSED_UPLOAD, drip),
}
"""How connections stay half open, each of which the server ends after its patience."""


async def test_half_open_connections_are_ended_when_patience_is_over(target: Target, soak: bool) -> None:
    started = asyncio.get_running_loop().time()

    async def hold(said: bytes, on: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> float:
        reader, writer = await target.raw()
        writer.write(said)
        going_on = asyncio.ensure_future(on(writer))
        try:
            async with asyncio.timeout(HEAD_S + PATIENCE_S):
                while (heard := await reader.read(65_536)) and not heard.startswith(CLOSE):
                    pass
        except ConnectionError:
            pass  # a reset is an end too
        going_on.cancel()
        writer.close()
        return asyncio.get_running_loop().time() - started

    kinds = list(HALF.values()) * (60 if soak else 15)
    held = await asyncio.gather(*(hold(said, on) for said, on in kinds))

    assert min(held) > HEAD_S / 2
    assert max(held) < HEAD_S + PATIENCE_S / 2


async def test_half_sent_bodies_hold_nobody_up_and_are_forgotten(target: Target, soak: bool) -> None:
    before = (await target.ask(COUNT)).body
    writers = []
    for _ in range(500 if soak else 100):
        reader, writer = await target.raw()
        token = f"Authorization: {target.authorization['Authorization']}\r\n".encode()
        writer.write(HEAD + token + b"Content-Length: 200\r\n\r\n" + CREATE[:-10])
        writers.append((reader, writer))

    assert (await target.ask(COUNT)).body == before
    if soak:  # the server's patience with bodies is half a minute
        async with asyncio.timeout(60):
            for reader, _ in writers:
                assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
    for _, writer in writers:
        writer.close()
    assert (await target.ask(COUNT)).body == before


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/graphql", "".join(f"X-{number}: y\r\n" for number in range(10_000))),
        ("/graphql", "".join(f"X-{number}: y\r\n" for number in range(101))),
        ("/graphql", "X-Long: " + "y" * 5 * MEGABYTE + "\r\n"),
        ("/graphql?query=" + "x" * 5 * MEGABYTE, ""),
        ("/graphql", "Cookie: " + "a=b; " * MEGABYTE + "\r\n"),
    ],
    ids=["ten thousand headers", "one header too many", "an endless header", "an endless URL", "cookies"],
)
async def test_a_head_that_is_too_large_is_refused(target: Target, path: str, headers: str) -> None:
    reader, writer = await target.raw()

    answer = await _answer(
        reader, writer, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode()
    )

    assert answer is None or answer.startswith(b"HTTP/1.1 431 ")


async def test_endless_trailers_and_chunk_extensions_are_refused(target: Target) -> None:
    for endless in (b"1;" + b"x" * 5 * MEGABYTE, b"1\r\nx\r\n0\r\nX-Trailer: " + b"y" * 5 * MEGABYTE):
        reader, writer = await target.raw()

        answer = await _answer(reader, writer, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + endless)

        assert answer is None or answer.startswith(b"HTTP/1.1 431 ")


async def test_a_body_that_is_too_large_is_refused_before_it_has_come(target: Target) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * MEGABYTE

    announced = await target.raw()
    said = HEAD + b"Content-Length: 99999999999\r\n\r\n" + b" " * MEGABYTE
    answer = await _answer(*announced, said)
    streamed = await target.http.post(
        target.url, content=endless(), headers={"content-type": "application/json"}
    )
    exact = await target.post(b'{"query":"{ me { id } }"' + b" " * (2 * MEGABYTE - 24) + b"}")

    assert answer is not None
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert streamed.status_code == exact.status == 413
    assert exact.codes == {"TOO_LARGE"}


@pytest.mark.parametrize(
    "encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "GZIP", "x-gzip", "identity, gzip"]
)
async def test_a_compressed_body_is_not_unpacked(target: Target, encoding: str) -> None:
    pack = zlib.compress if encoding == "deflate" else gzip.compress
    bomb = pack(b'{"query":"{ me { id } }","x":"' + b"0" * 16 * MEGABYTE + b'"}')

    answer = await target.post(bomb, content_encoding=encoding)

    assert (answer.status, answer.codes) == (415, {"UNSUPPORTED_MEDIA_TYPE"})


@pytest.mark.parametrize(
    "smuggled",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"Content-Length: -1\r\n\r\n{}",
        b"Content-Length: 1e3\r\n\r\n{}",
        b"Transfer-Encoding: chunked, identity\r\n\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"X: a\x00b\r\n\r\n",
        b"X y: a\r\n\r\n",
        b"\xff: a\r\n\r\n",
    ],
)
async def test_a_request_of_two_meanings_is_refused(target: Target, smuggled: bytes) -> None:
    reader, writer = await target.raw()

    answer = await _answer(reader, writer, HEAD + smuggled)

    assert answer is not None
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_answers_that_nobody_reads_do_not_pile_up(target: Target) -> None:
    query = json.dumps({"query": "{ __schema { types { name description fields { name description } } } }"})
    request = HEAD + f"Content-Length: {len(query)}\r\n\r\n{query}".encode()
    before = target.rss_bytes
    connections = [await target.raw() for _ in range(20)]

    for _, writer in connections:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a socket's
        writer.write(request * 200)
    await asyncio.sleep(2)  # what could pile up does so now
    grown = target.rss_bytes - before
    for _, writer in connections:
        writer.transport.abort()

    assert grown < 48 * MEGABYTE


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes) -> bytes | None:
    """What the server says until it closes or a response is there; None when it resets the connection."""
    try:
        writer.write(said)
        async with asyncio.timeout(PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
            return head + await reader.read(1)
    except (ConnectionError, asyncio.IncompleteReadError):
        return None
    finally:
        writer.close()

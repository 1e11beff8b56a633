"""Readers that do not read: they slow nobody down, are told to resume, and can."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from graphql_api.transport.draining import DrainingHttp, DrainingWebSocket
from tests.resume.api import Api
from tests.resume.local import Local, serving_here
from tests.resume.reader import Reader
from tests.resume.scene import browser
from tests.resume.streams import (
    EventStream,
    Interrupted,
    Refused,
    Stream,
    TransportKind,
    WebSocketStream,
    open_stream,
)

pytestmark = pytest.mark.slow

PROMPT_S = 5.0
"""Within this time an event is with everyone who reads; shorter than the server's patience with who does not."""
IMPATIENT_S, PATIENT_S = 6.0, 60.0
QUESTIONS = 2
QUESTION = "x" * 90_000
"""A few of these fill every buffer on the way to a client."""
RENAMES = 300
"""More events than wait for a reader."""
AT_ONCE = 10
TRY_AGAIN_LATER = 1013
NARROW, WIDE_BYTES = (socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048), 1_000_000


@dataclass(frozen=True, slots=True)
class Narrow:
    """A stream and the socket that it comes through."""

    stream: Stream
    socket: socket.socket


@pytest.fixture(autouse=True)
def patient_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what waits in sockets, however slow this machine is."""
    for protocol in (DrainingHttp, DrainingWebSocket):
        monkeypatch.setattr(protocol, "drain_s", PATIENT_S)


@pytest.mark.parametrize("stall_s", [IMPATIENT_S, PATIENT_S], ids=["never reads", "reads too late"])
async def test_readers_that_do_not_read_delay_nobody_and_resume_exactly(
    tmp_path: Path, stall_s: float
) -> None:
    async with serving_here(tmp_path, stall_s=stall_s) as here, browser() as http, AsyncExitStack() as stack:
        api = await Api.registered(http, here.url)
        session = await api.session(here.url)
        prompt = Reader(session, lossless=True)
        stream = await open_stream(
            TransportKind.WEBSOCKET, http, here.url, token=api.token, session_id=session, after=0
        )
        narrow = [await stack.enter_async_context(opened) for opened in _narrow(here, api, session)]
        slow = [Reader(session, lossless=True) for _ in narrow]

        await _write_and_read(api, here, session, prompt, stream)
        if stall_s is IMPATIENT_S:
            await _until(lambda: here.web.connections.live_subscriptions == 1)
        ends = [await _rest(reader, stalled) for reader, stalled in zip(slow, narrow, strict=True)]
        await stream.leave(abruptly=False)

        assert ends == [None, TRY_AGAIN_LATER if stall_s is IMPATIENT_S else "RESUME"]
        log, texts = await here.truth.events(session), await here.truth.texts(session)
        for reader in slow:
            assert 0 < reader.cursor < prompt.cursor
            await _resume(http, here, api.token, reader, until=prompt.cursor)
            reader.verify(log, texts)
        prompt.verify(log, texts)


async def _write_and_read(api: Api, here: Local, session: str, reader: Reader, stream: Stream) -> None:
    """Write a lot; everything must be with the reader promptly."""
    for _ in range(QUESTIONS):
        await api.send(here.url, session, QUESTION)
        await _read(reader, stream, until=await here.truth.head(session))
    for number in range(RENAMES // AT_ONCE):
        titles = [f"Title {number}.{place}" for place in range(AT_ONCE)]
        await asyncio.gather(*(api.rename(here.url, session, title) for title in titles))
        await _read(reader, stream, until=await here.truth.head(session))


async def _read(reader: Reader, stream: Stream, *, until: int) -> None:
    async with asyncio.timeout(PROMPT_S):
        while reader.cursor < until:
            event = await stream.next()
            assert event is not None
            reader.receive(event)


async def _rest(reader: Reader, narrow: Narrow) -> int | str | None:
    """Read what is left of a stream that the server has given up; the code with which it ended."""
    narrow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WIDE_BYTES)
    async with asyncio.timeout(PATIENT_S):
        try:
            while (event := await narrow.stream.next()) is not None:
                reader.receive(event)
        except Interrupted as interrupted:
            return interrupted.code
        except Refused as refused:
            return refused.codes[0]
    raise AssertionError("the stream was completed although there is more")


async def _resume(http: httpx.AsyncClient, here: Local, token: str, reader: Reader, *, until: int) -> None:
    reader.connected()
    stream = await open_stream(
        TransportKind.SSE, http, here.url, token=token, session_id=reader.session_id, after=reader.cursor
    )
    async with asyncio.timeout(20):
        while reader.cursor < until and (event := await stream.next()) is not None:
            reader.receive(event)
    await stream.leave(abruptly=False)


def _narrow(here: Local, api: Api, session: str) -> list[AbstractAsyncContextManager[Narrow]]:
    """Streams into receive buffers as small as there are, which nobody reads yet."""
    return [
        _narrow_events(here.url, token=api.token, session=session),
        _narrow_socket(here.url, token=api.token, session=session),
    ]


@asynccontextmanager
async def _narrow_events(server: str, *, token: str, session: str) -> AsyncIterator[Narrow]:
    transport = httpx.AsyncHTTPTransport(socket_options=[NARROW])
    async with httpx.AsyncClient(transport=transport, timeout=PATIENT_S, trust_env=False) as http:
        stream = await EventStream.connected(http, server, token=token, session_id=session, after=0, last=0)
        yield Narrow(stream, stream.socket)
        await stream.leave(abruptly=True)


@asynccontextmanager
async def _narrow_socket(server: str, *, token: str, session: str) -> AsyncIterator[Narrow]:
    with socket.socket() as narrow:
        narrow.setsockopt(*NARROW)
        narrow.connect((urlsplit(server).hostname, urlsplit(server).port))
        narrow.setblocking(False)
        stream = await WebSocketStream.connected(server, token=token, session_id=session, sock=narrow)
        await stream.subscribe(after=0)
        yield Narrow(stream, narrow)
        await stream.leave(abruptly=True)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)

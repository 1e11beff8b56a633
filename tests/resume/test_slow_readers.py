"""Readers that do not read: they slow nobody down, are told to resume, and can."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
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

PROMPT_S = 3.0
"""Within this time an event is with everyone who reads; shorter than the server's patience with who does not."""
IMPATIENT_S, PATIENT_S = 4.0, 60.0
QUESTIONS = 4
QUESTION = "x" * 90_000
"""A few of these fill every buffer on the way to a client."""
RENAMES = 300
"""More events than wait for a reader."""
AT_ONCE = 10
TRY_AGAIN_LATER = 1013
SMALL = (socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)


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
        slow = [
            (Reader(session, lossless=True), await stack.enter_async_context(small))
            for small in _small(here, api, session)
        ]

        await _write_and_read(api, here, session, prompt, stream)
        if stall_s is IMPATIENT_S:
            await _until(lambda: here.web.connections.live_subscriptions == 1)
        ends = [await _rest(reader, stalled) for reader, stalled in slow]
        await stream.leave(abruptly=False)

        assert ends == [None, TRY_AGAIN_LATER if stall_s is IMPATIENT_S else "RESUME"]
        log, texts = await here.truth.events(session), await here.truth.texts(session)
        for reader, _ in slow:
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


async def _rest(reader: Reader, stream: Stream) -> int | str | None:
    """Read what is left of a stream that the server has given up; the code with which it ended."""
    async with asyncio.timeout(20):
        try:
            while (event := await stream.next()) is not None:
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


def _small(here: Local, api: Api, session: str) -> list[AbstractAsyncContextManager[Stream]]:
    """Streams into receive buffers as small as there are, which nobody reads yet."""
    return [
        _small_events(here.url, token=api.token, session=session),
        _small_socket(here.url, token=api.token, session=session),
    ]


@asynccontextmanager
async def _small_events(server: str, *, token: str, session: str) -> AsyncIterator[Stream]:
    transport = httpx.AsyncHTTPTransport(socket_options=[SMALL])
    async with httpx.AsyncClient(transport=transport, timeout=30, trust_env=False) as http:
        stream = await EventStream.connected(http, server, token=token, session_id=session, after=0, last=0)
        yield stream
        await stream.leave(abruptly=True)


@asynccontextmanager
async def _small_socket(server: str, *, token: str, session: str) -> AsyncIterator[Stream]:
    with socket.socket() as small:
        small.setsockopt(*SMALL)
        small.connect((urlsplit(server).hostname, urlsplit(server).port))
        small.setblocking(False)
        stream = await WebSocketStream.connected(server, token=token, session_id=session, sock=small)
        await stream.subscribe(after=0)
        yield stream
        await stream.leave(abruptly=True)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)

"""Streams that end with their session, and cursors from which the log does not lead on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from domain.events.live import BUFFERED_FACTS
from persistence.purge import Purge
from tests.resume.api import Api
from tests.resume.local import Local, serving_here
from tests.resume.reader import Reader
from tests.resume.scene import browser
from tests.resume.streams import Refused, Stream, TransportKind, open_stream
from tests.resume.wire import Event, cursor_of, expected, received

pytestmark = pytest.mark.slow

BOTH = pytest.mark.parametrize("kind", list(TransportKind))


@dataclass(frozen=True, slots=True)
class Chat:
    """One user's session on a server."""

    here: Local
    http: httpx.AsyncClient
    api: Api
    session: str

    @asynccontextmanager
    async def subscribed(self, kind: TransportKind, *, after: int) -> AsyncIterator[Stream]:
        stream = await open_stream(
            kind, self.http, self.here.url, token=self.api.token, session_id=self.session, after=after
        )
        try:
            yield stream
        finally:
            await stream.leave(abruptly=False)

    async def rename(self, count: int) -> None:
        titles = iter(range(count))

        async def some() -> None:
            for number in titles:
                await self.api.rename(self.here.url, self.session, f"Title {number}")

        await asyncio.gather(*(some() for _ in range(8)))

    async def forget_events_before(self, moment_s: float) -> None:
        """Let retention pass, for what is older than a moment of the monotonic clock."""
        purge = Purge(self.here.parts.stores.database, self.here.parts.stores.unowned)
        while await purge.outlived(older_than_s=time.monotonic() - moment_s):
            pass


@pytest.fixture(scope="module")
async def owner(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Local, Api]]:
    async with (
        serving_here(tmp_path_factory.mktemp("ends"), tokens_per_second=60) as here,
        browser() as http,
    ):
        yield here, await Api.registered(http, here.url)


@pytest.fixture
async def chat(owner: tuple[Local, Api]) -> Chat:
    here, api = owner
    return Chat(here, api.http, api, await api.session(here.url))


@BOTH
async def test_the_deletion_of_a_session_in_mid_answer_ends_its_streams(
    chat: Chat, kind: TransportKind
) -> None:
    reader = Reader(chat.session, lossless=False)
    async with chat.subscribed(kind, after=0) as stream, asyncio.timeout(60):
        await chat.api.send(chat.here.url, chat.session, "@CodeAssistant repeat 500 words")
        while reader.deltas < 5:
            reader.receive(await _next(stream))

        await chat.api.delete_session(chat.here.url, chat.session)
        log = await chat.here.truth.events(chat.session)
        while not reader.ended:
            reader.receive(await _next(stream))

        assert await stream.next() is None
    assert log[-1].kind == "SessionDeleted"
    reader.verify(log, {})
    for after in (0, reader.cursor - 1, reader.cursor):
        async with chat.subscribed(kind, after=after) as late:
            with pytest.raises(Refused, match="NOT_FOUND"):
                await late.next()


async def test_a_cursor_before_what_is_retained_gets_a_gap(chat: Chat) -> None:
    await chat.rename(60)
    moment_s = time.monotonic()
    await chat.rename(BUFFERED_FACTS)
    head = 60 + BUFFERED_FACTS

    await chat.forget_events_before(moment_s)

    log = await chat.here.truth.events(chat.session)
    assert (log[0].seq, log[-1].seq) == (61, head)
    for kind in TransportKind:
        for after in (0, 1, 59):
            async with chat.subscribed(kind, after=after) as stream, asyncio.timeout(60):
                gap = await _next(stream)
                assert (gap["__typename"], cursor_of(gap)) == ("ReplayGap", head)
        async with chat.subscribed(kind, after=60) as stream, asyncio.timeout(60):
            events = [received(await _next(stream)) for _ in log]
        assert events == [expected(row, chat.session) for row in log]


@BOTH
async def test_a_cursor_above_the_head_gets_a_gap_and_then_what_follows(
    chat: Chat, kind: TransportKind
) -> None:
    await chat.rename(3)

    async with chat.subscribed(kind, after=1_000) as stream, asyncio.timeout(60):
        gap = await _next(stream)
        await chat.rename(2)
        following = [await _next(stream), await _next(stream)]

    assert (gap["__typename"], cursor_of(gap)) == ("ReplayGap", 3)
    assert [cursor_of(event) for event in following] == [4, 5]


@BOTH
async def test_a_log_that_is_gone_whole_gets_a_gap_and_then_what_follows(
    chat: Chat, kind: TransportKind
) -> None:
    await chat.rename(head := BUFFERED_FACTS + 5)

    await chat.forget_events_before(time.monotonic())

    assert await chat.here.truth.events(chat.session) == []
    async with chat.subscribed(kind, after=2) as stream, asyncio.timeout(60):
        gap = await _next(stream)
        await chat.rename(1)
        following = await _next(stream)
    assert (gap["__typename"], cursor_of(gap), cursor_of(following)) == ("ReplayGap", head, head + 1)


async def _next(stream: Stream) -> Event:
    """The next event that is no sign of life."""
    while (event := await stream.next()) is not None:
        if event["__typename"] != "Heartbeat":
            return event
    raise AssertionError("the stream was completed")

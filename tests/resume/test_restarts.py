"""A server that is killed in mid-answer: after its restart readers go on where they were."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from tests.processes import CodelabProcess
from tests.resume.api import Api
from tests.resume.reader import Reader
from tests.resume.scene import browser
from tests.resume.streams import Interrupted, TransportKind, open_stream
from tests.resume.truth import SqliteFile, Truth
from tests.resume.wire import Event

pytestmark = pytest.mark.slow

SETTINGS = {"CODELAB_OFFLINE_TOKENS_PER_SECOND": "60"}
SEEN = 30
"""Deltas that everyone has read when the server is killed."""


async def test_after_a_kill_in_mid_answer_nothing_comes_twice_and_the_text_begins_anew(
    tmp_path: Path,
) -> None:
    async with CodelabProcess(tmp_path, settings=SETTINGS) as server, browser() as http:
        truth = Truth(SqliteFile(tmp_path / "codelab.db"))
        api = await Api.registered(http, server.url)
        session = await api.session(server.url)
        readers = {kind: Reader(session, lossless=False) for kind in TransportKind}
        first = [
            asyncio.create_task(_until_interrupted(http, server.url, api.token, reader, kind))
            for kind, reader in readers.items()
        ]
        await api.send(server.url, session, "@CodeAssistant repeat 100 words")
        await _until_seen(readers.values())

        await server.kill()
        seen = [(reader.cursor, await task) for reader, task in zip(readers.values(), first, strict=True)]
        await server.restart()
        later = await asyncio.gather(
            *(
                _until_complete(http, server.url, api.token, readers[kind], other)
                for kind, other in zip(TransportKind, reversed(TransportKind), strict=True)
            )
        )

        log, texts = await truth.events(session), await truth.texts(session)
        for reader, (cursor, before), after in zip(readers.values(), seen, later, strict=True):
            reader.verify(log, texts)
            assert {event["generation"] for event in before if _is_delta(event)} == {0}
            deltas = [event for event in after if _is_delta(event)]
            assert {event["generation"] for event in deltas} == {1}
            assert deltas[0]["offset"] == 0
            assert cursor < reader.cursor
            assert list(reader.completed.values()) == [" ".join(f"word{n}" for n in range(1, 101))]


async def _until_interrupted(
    http: httpx.AsyncClient, server: str, token: str, reader: Reader, kind: TransportKind
) -> list[Event]:
    events: list[Event] = []
    stream = await open_stream(kind, http, server, token=token, session_id=reader.session_id, after=0)
    try:
        while (event := await stream.next()) is not None:
            reader.receive(event)
            events.append(event)
    except Interrupted:
        await stream.leave(abruptly=True)
        return events
    raise AssertionError("the stream was completed")


async def _until_complete(
    http: httpx.AsyncClient, server: str, token: str, reader: Reader, kind: TransportKind
) -> list[Event]:
    """Resume from the last cursor and read to the end of the run."""
    events: list[Event] = []
    reader.connected()
    stream = await open_stream(
        kind, http, server, token=token, session_id=reader.session_id, after=reader.cursor
    )
    async with asyncio.timeout(45):
        while not events or events[-1].get("runStatus") != "SUCCEEDED":
            event = await stream.next()
            assert event is not None
            reader.receive(event)
            events.append(event)
    await stream.leave(abruptly=False)
    return events


async def _until_seen(readers: Iterable[Reader]) -> None:
    async with asyncio.timeout(60):
        while any(reader.deltas < SEEN for reader in readers):
            await asyncio.sleep(0.01)


def _is_delta(event: Event) -> bool:
    return event["__typename"] == "MessageDelta"

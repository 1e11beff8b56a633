"""Honest people beside an attack: one who changes a session, and the same one who watches it live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.attack.target import PATIENCE_S
from tests.processes import CodelabProcess
from tests.resume.api import Api
from tests.resume.streams import WebSocketStream
from tests.resume.wire import Event

PAUSE_S = 0.05


class Sibling:
    """Someone who renames a session again and again and wants to see each name on a WebSocket."""

    def __init__(self, server: CodelabProcess, person: Api, session_id: str) -> None:
        self._server = server
        self._person = person
        self._session_id = session_id
        self._cursor = 0
        self.rounds = 0

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Work on until the end of the block, and once more after it.

        Raises:
            AssertionError: something was refused, wrong, missing, doubled, or took longer than anyone would wait.
        """
        stream = await WebSocketStream.connected(
            self._server.url, token=self._person.token, session_id=self._session_id
        )
        await stream.subscribe(after=self._cursor)
        await self._round(stream)
        over = asyncio.Event()
        working = asyncio.create_task(self._work(stream, over))
        try:
            yield
        finally:
            over.set()
            await asyncio.wait([working])
        working.result()
        await self._round(stream)
        await stream.leave(abruptly=False)

    async def _work(self, stream: WebSocketStream, over: asyncio.Event) -> None:
        while not over.is_set():
            await self._round(stream)
            await asyncio.sleep(PAUSE_S)

    async def _round(self, stream: WebSocketStream) -> None:
        self.rounds += 1
        title = f"round {self.rounds}"
        async with asyncio.timeout(PATIENCE_S):
            await self._person.rename(self._server.url, self._session_id, title)
            event = await self._renamed(stream)
        assert (event["title"], event["cursor"]) == (title, str(self._cursor))

    async def _renamed(self, stream: WebSocketStream) -> Event:
        while True:
            event = await stream.next()
            assert event is not None
            if event["__typename"] == "SessionRenamed":
                self._cursor += 1
                return event

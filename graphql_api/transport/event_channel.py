"""The way of server-sent events to one client: headers, chunks, comments, and a bound on waiting."""

from __future__ import annotations

import asyncio

from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from graphql_api.transport.negotiation import EVENT_STREAM
from graphql_api.transport.ports import ResponseChanges
from graphql_api.transport.responses import apply_changes

COMMENT = b":\n\n"


class Stalled(Exception):
    """The client did not read for too long."""


class EventChannel:
    """Writes one response of content type `text/event-stream`."""

    def __init__(self, send: Send, *, headers: dict[str, str], stall_s: float) -> None:
        self._send = send
        self._headers = headers
        self._stall_s = stall_s
        self._written_at = 0.0
        self._now = asyncio.get_running_loop().time
        self.started = False

    async def start(self, changes: ResponseChanges | None = None) -> None:
        """Send the headers, and a comment so that proxies pass them on at once.

        Raises:
            Stalled: the client does not read.
        """
        headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no", **self._headers}
        response = StreamingResponse(iter(()), headers=headers, media_type=EVENT_STREAM)
        apply_changes(response, changes or ResponseChanges())
        self.started = True
        await self._bounded({"type": "http.response.start", "status": 200, "headers": response.raw_headers})
        await self.write(COMMENT)

    async def write(self, chunk: bytes) -> None:
        """Send whole events.

        Raises:
            Stalled: the client does not read.
        """
        await self._bounded({"type": "http.response.body", "body": chunk, "more_body": True})
        self._written_at = self._now()

    async def finish(self) -> None:
        """End the response, if there is one."""
        if self.started:
            await self._bounded({"type": "http.response.body", "body": b"", "more_body": False})

    async def keep_alive(self, interval_s: float) -> None:
        """Write a comment whenever nothing was written for the interval; ends by being cancelled.

        Raises:
            Stalled: the client does not read.
        """
        while True:
            quiet_s = self._now() - self._written_at
            if quiet_s >= interval_s:
                if self.started:
                    await self.write(COMMENT)
                quiet_s = 0.0
            await asyncio.sleep(interval_s - quiet_s)

    async def _bounded(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._stall_s):
                await self._send(message)
        except TimeoutError:
            raise Stalled from None

"""Operations as server-sent events: the graphql-sse protocol in distinct connections mode.

One request is one operation. A stream that the server ends early (the sign-in is over, the reader
was too slow, the server stops) ends without `complete`: that tells clients to connect again and go
on from their last cursor, which the `id:` lines gave them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.errors import Unauthenticated
from graphql_api.transport.bounds import Bounds
from graphql_api.transport.connections import Connections
from graphql_api.transport.errors import Code, ErrorFormat, Refused, refused, retry_after
from graphql_api.transport.event_channel import EventChannel, Stalled
from graphql_api.transport.execution import Payload
from graphql_api.transport.negotiation import GRAPHQL_JSON
from graphql_api.transport.operations import Caller, Operations
from graphql_api.transport.parameters import Parameters
from graphql_api.transport.ports import OperationKind, TransportKind
from graphql_api.transport.racing import first_of
from graphql_api.transport.responses import error_response
from graphql_api.transport.sign_ins import SignIns

COMPLETE = b"event: complete\ndata:\n\n"
"""The empty `data` is for browsers' EventSource, which would swallow the event without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStreams:
    """Answers requests that accept `text/event-stream`."""

    operations: Operations
    sign_ins: SignIns
    connections: Connections
    errors: ErrorFormat
    bounds: Bounds

    def response(
        self,
        parameters: Parameters,
        caller: Caller,
        *,
        check: Callable[[OperationKind], None],
        headers: dict[str, str],
    ) -> ASGIApp:
        """The ASGI application that streams one operation; `headers` go with every kind of answer."""
        return _EventStream(self, parameters, caller, check, headers)


@dataclass(frozen=True, slots=True)
class _EventStream:
    parts: EventStreams
    parameters: Parameters
    caller: Caller
    check: Callable[[OperationKind], None]
    headers: dict[str, str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        channel = EventChannel(send, headers=self.headers, stall_s=self.parts.bounds.stall_s)
        try:
            await self._run(channel, receive)
            await channel.finish()
        except Stalled:
            return
        except Exception as error:  # noqa: BLE001 masked below
            refusal = self.parts.errors.refusal(error)
            if channel.started:
                await channel.finish()
            else:
                response = error_response(refusal, media_type=GRAPHQL_JSON, headers=self.headers)
                await response(scope, receive, send)

    async def _run(self, channel: EventChannel, receive: Receive) -> None:
        connections, stop = self.parts.connections, asyncio.Event()
        if connections.closing:
            raise _shutting_down()
        with connections.connected(TransportKind.SSE, stop.set):
            async with self.parts.sign_ins.watched(self.caller.principal) as over:
                ended = await first_of(
                    self._answer(channel),
                    _until_disconnected(receive),
                    over(),
                    stop.wait(),
                    channel.keep_alive(self.parts.bounds.keep_alive_s),
                )
        if not channel.started and ended > 1:
            raise Unauthenticated if ended == 2 else _shutting_down()

    async def _answer(self, channel: EventChannel) -> None:
        """Execute the operation and write its events; GraphQL's own errors are events too."""
        try:
            await self._operate(channel)
        except Refused as refusal:
            if Code.RESUME in refusal.codes:
                return
            if not channel.started:
                if not refusal.well_formed:
                    raise
                await channel.start()
            await channel.write(_next(Payload(orjson.dumps({"errors": refusal.errors}).decode())))
        await channel.write(COMPLETE)

    async def _operate(self, channel: EventChannel) -> None:
        async with self.parts.operations.open(self.parameters, self.caller, check=self.check) as operation:
            if operation.info.kind is not OperationKind.SUBSCRIPTION:
                payload = await operation.execute()
                await channel.start(self.caller.request.changes)
                await channel.write(_next(payload))
                return
            async with operation.subscribe() as payloads:
                await channel.start()
                async for payload in payloads:
                    await channel.write(_next(payload))


def _next(payload: Payload) -> bytes:
    position = "" if payload.cursor is None else f"id: {payload.cursor}\n"
    return f"event: next\n{position}data: {payload.text}\n\n".encode()


def _shutting_down() -> Refused:
    return refused(Code.SHUTTING_DOWN, "The server is stopping.", status=503, headers=retry_after(1))


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

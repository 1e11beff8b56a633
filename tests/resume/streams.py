"""Subscribing over both transports, with every way to leave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from typing import Protocol, cast

import httpx
import orjson
import websockets
from websockets.typing import Subprotocol

from tests.resume.wire import EVENTS, Event, cursor_of

PROTOCOL = Subprotocol("graphql-transport-ws")
OPEN_S = 60.0


class TransportKind(StrEnum):
    """How a stream comes."""

    WEBSOCKET = "websocket"
    SSE = "sse"


class Interrupted(Exception):
    """The connection ended before the stream did; `code` is the WebSocket's close code, if it gave one."""

    def __init__(self, code: int | None) -> None:
        self.code = code
        super().__init__(f"interrupted: {code}")


class Refused(Exception):
    """The stream ended with errors; the codes are theirs."""

    def __init__(self, codes: list[str]) -> None:
        self.codes = codes
        super().__init__(f"refused: {codes}")


class Stream(Protocol):
    """An open subscription."""

    async def next(self) -> Event | None:
        """The next event; None when the stream is complete.

        Raises:
            Interrupted: the connection is gone.
            Refused: the server says why not.
        """

    async def leave(self, *, abruptly: bool) -> None:
        """Hang up: in order, or as if the network had broken."""


class WebSocketStream:
    """One subscription on a WebSocket; it may be cancelled and begun again on the same socket."""

    def __init__(self, connection: websockets.ClientConnection, session_id: str) -> None:
        self.connection = connection
        self._session_id = session_id
        self._operations = 0

    @classmethod
    async def connected(
        cls, server: str, *, token: str, session_id: str, sock: socket.socket | None = None
    ) -> WebSocketStream:
        """A WebSocket (over `sock`, if given) whose sign-in is acknowledged; nothing is subscribed to yet."""
        url = f"{server.replace('http', 'ws', 1)}/graphql"
        try:
            connection = await websockets.connect(
                url,
                subprotocols=[PROTOCOL],
                proxy=None,
                max_size=None,
                ping_interval=None,
                close_timeout=2,
                sock=sock,
            )
            stream = cls(connection, session_id)
            await stream._send("connection_init", payload={"Authorization": f"Bearer {token}"})
            assert (await stream._receive())["type"] == "connection_ack"
        except (OSError, websockets.InvalidHandshake, EOFError) as problem:
            raise Interrupted(None) from problem
        return stream

    async def subscribe(self, *, after: int | None) -> None:
        """Ask for the events after a cursor."""
        self._operations += 1
        variables = {"session": self._session_id, "after": None if after is None else str(after)}
        await self._send("subscribe", id=self._id, payload={"query": EVENTS, "variables": variables})

    async def cancel(self) -> None:
        """Lose interest in the subscription and keep the socket."""
        await self._send("complete", id=self._id)

    async def next(self) -> Event | None:
        while True:
            message = await self._receive()
            if message.get("id") != self._id:
                continue  # of a subscription that was cancelled while this was under way
            match message["type"]:
                case "next":
                    return _event(message["payload"])
                case "complete":
                    return None
                case _:
                    raise Refused(_codes(message["payload"]))

    async def leave(self, *, abruptly: bool) -> None:
        if abruptly:
            self.connection.transport.abort()
        await self.connection.close()

    @property
    def _id(self) -> str:
        return f"events-{self._operations}"

    async def _send(self, kind: str, **parts: object) -> None:
        try:
            await self.connection.send(orjson.dumps({"type": kind, **parts}).decode())
        except websockets.ConnectionClosed as closed:
            raise _interrupted(closed) from closed

    async def _receive(self) -> Mapping[str, object]:
        while True:
            try:
                message = cast("Mapping[str, object]", orjson.loads(await self.connection.recv()))
            except websockets.ConnectionClosed as closed:
                raise _interrupted(closed) from closed
            if message["type"] != "ping":
                return message
            await self._send("pong")


class EventStream:
    """One subscription as server-sent events."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._lines: AsyncIterator[str] = response.aiter_lines()

    @property
    def socket(self) -> socket.socket:
        """The socket that it comes through."""
        network = self._response.extensions["network_stream"]
        return cast("socket.socket", network.get_extra_info("socket"))

    @classmethod
    async def connected(
        cls,
        http: httpx.AsyncClient,
        server: str,
        *,
        token: str,
        session_id: str,
        after: int | None,
        last: int,
    ) -> EventStream:
        """A stream whose headers have arrived; `last` goes as Last-Event-ID and wins over `after`."""
        variables = {"session": session_id, "after": None if after is None else str(after)}
        headers = {
            "Accept": "text/event-stream",
            "Authorization": f"Bearer {token}",
            "Last-Event-ID": str(last),
        }
        request = http.build_request(
            "POST", f"{server}/graphql", json={"query": EVENTS, "variables": variables}, headers=headers
        )
        try:
            response = await http.send(request, stream=True)
        except httpx.TransportError as problem:
            raise Interrupted(None) from problem
        if response.status_code != httpx.codes.OK:
            await response.aread()
            raise Interrupted(None) if response.status_code == 503 else Refused([response.text])
        return cls(response)

    async def next(self) -> Event | None:
        while True:
            fields = await self._fields()
            if fields.get("event") == "complete":
                return None
            if fields.get("event") != "next":
                continue  # a comment
            body = cast("Mapping[str, object]", orjson.loads(fields["data"]))
            event = _event(body)
            assert fields["id"] == str(cursor_of(event)), "a position that is not the event's"
            return event

    async def leave(self, *, abruptly: bool) -> None:
        del abruptly  # there is one way: the connection is closed in the midst of the response
        await self._response.aclose()

    async def _fields(self) -> Mapping[str, str]:
        """The fields of the next block, up to an empty line."""
        fields: dict[str, str] = {}
        try:
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
        except httpx.TransportError as problem:
            raise Interrupted(None) from problem
        raise Interrupted(None)


async def open_stream(
    kind: TransportKind, http: httpx.AsyncClient, server: str, *, token: str, session_id: str, after: int
) -> Stream:
    """Subscribe over either transport, from a cursor on.

    Raises:
        Interrupted: the server can't be reached.
    """
    async with asyncio.timeout(OPEN_S):
        if kind is TransportKind.SSE:
            return await EventStream.connected(
                http, server, token=token, session_id=session_id, after=0, last=after
            )
        stream = await WebSocketStream.connected(server, token=token, session_id=session_id)
        await stream.subscribe(after=after)
        return stream


def _event(payload: object) -> Event:
    body = cast("Mapping[str, object]", payload)
    if "errors" in body:
        raise Refused(_codes(body["errors"]))
    return cast("Event", cast("Mapping[str, object]", body["data"])["sessionEvents"])


def _codes(errors: object) -> list[str]:
    return [str(error["extensions"]["code"]) for error in cast("list[dict[str, dict[str, object]]]", errors)]


def _interrupted(closed: websockets.ConnectionClosed) -> Interrupted:
    return Interrupted(closed.rcvd.code if closed.rcvd else None)

"""A session's events over a WebSocket, as a dashboard follows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import cast

import orjson
from websockets import Subprotocol
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.account import PATH, Account, Session
from benchmarks.http import TIMEOUT_S, UnexpectedAnswer

_EVENTS = """
subscription Follow($session: ID!, $after: Cursor) {
  sessionEvents(sessionId: $session, after: $after) {
    __typename cursor
    ... on MessageCreated { messageId parentId author content agent { id name handle version } createdBy: runId }
    ... on MessageDelta { messageId generation offset text }
    ... on MessageCompleted {
      messageId generation status content usage { inputTokens outputTokens cost seconds } problem
    }
    ... on RunStarted { runId mode confidence reason }
    ... on RunStatusChanged { runId runStatus: status problem }
  }
}"""

Event = Mapping[str, object]


class Follower:
    """One socket, on which one session at a time is followed."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = count(1)
        self._id = ""

    async def follow(self, session: Session) -> None:
        """Follow a session from its cursor on, and no other any more."""
        if self._id:
            await self._say({"id": self._id, "type": "complete"})
        self._id = str(next(self._ids))
        payload = {"query": _EVENTS, "variables": {"session": session.id, "after": session.cursor}}
        await self._say({"id": self._id, "type": "subscribe", "payload": payload})

    async def until(self, kind: str) -> Event:
        """The next event of a kind.

        Raises:
            UnexpectedAnswer: the subscription ended.
        """
        async with asyncio.timeout(TIMEOUT_S):
            while (event := await self._next())["__typename"] != kind:
                pass
        return event

    async def _next(self) -> Event:
        while True:
            frame = cast("Mapping[str, object]", orjson.loads(await self._socket.recv()))
            if frame["type"] == "ping":
                await self._say({"type": "pong"})
            elif frame.get("id") == self._id and frame["type"] != "next":
                raise UnexpectedAnswer(f"the subscription ended: {frame}")
            elif frame.get("id") == self._id:
                data = cast("Mapping[str, Mapping[str, Event]]", frame["payload"])["data"]
                return data["sessionEvents"]

    async def _say(self, frame: Mapping[str, object]) -> None:
        await self._socket.send(orjson.dumps(frame).decode())


@asynccontextmanager
async def follower(account: Account) -> AsyncIterator[Follower]:
    """An open, signed-in socket."""
    url = account.url.replace("http", "ws", 1) + PATH
    protocols = [Subprotocol("graphql-transport-ws")]
    async with connect(url, subprotocols=protocols, compression=None, proxy=None) as socket:
        init = {"type": "connection_init", "payload": {"token": account.token}}
        await socket.send(orjson.dumps(init).decode())
        while orjson.loads(await socket.recv())["type"] != "connection_ack":
            pass
        yield Follower(socket)

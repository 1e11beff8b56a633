"""A client of the API as one person: over HTTP, as an event stream, or on a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import httpx
import orjson
import websockets

from tests.graphql_api.transport.serving import PROTOCOL

PROBLEMS = {"NotFound", "Invalid", "Conflict", "LimitExceeded", "Unavailable"}
PATIENCE_S = 60
UNCOMPARED = {"content-length", "date", "x-request-id"}
"""Headers that say nothing which the body does not say, and what differs between any two requests."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole: byte for byte."""

    text: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    def naming(self, text: str, instead: str) -> Answer:
        """The same answer with what the caller had passed in replaced."""
        return Answer(self.text.replace(text, instead), self.status, self.headers)

    @property
    def data(self) -> dict[str, Any]:
        """The data; there must be no errors."""
        parsed = orjson.loads(self.text)
        assert "errors" not in parsed, self.text
        return cast("dict[str, Any]", parsed["data"])

    @property
    def result(self) -> dict[str, Any]:
        """What the only root field gave."""
        (value,) = self.data.values()
        return cast("dict[str, Any]", value)

    @property
    def outcome(self) -> str:
        """The type of what a mutation gave; problems by the name of the problem."""
        return str(self.result["__typename"])


@dataclass(frozen=True, slots=True)
class Api:
    """`http` runs inside this process, `port` is the same application behind a real server."""

    http: httpx.AsyncClient
    port: int

    async def ask(self, document: str, variables: dict[str, object], *, token: str | None) -> Answer:
        """A query or mutation over HTTP."""
        response = await self.http.post("/graphql", json=_body(document, variables), headers=_headers(token))
        kept = {k: v for k, v in response.headers.items() if k not in UNCOMPARED}
        return Answer(response.text, response.status_code, tuple(sorted(kept.items())))

    async def first_events(
        self, document: str, variables: Sequence[dict[str, object]], *, token: str
    ) -> list[Answer]:
        """Each of several subscriptions as a stream of server-sent events, up to the first event or a refusal's end."""
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(trust_env=False) as client:
            return [await self._first_event(client, _body(document, each), token) for each in variables]

    async def _first_event(self, client: httpx.AsyncClient, body: dict[str, object], token: str) -> Answer:
        headers = {**_headers(token), "accept": "text/event-stream"}
        url, lines = f"http://127.0.0.1:{self.port}/graphql", []
        async with client.stream("POST", url, json=body, headers=headers) as response:
            async for line in response.aiter_lines():
                lines.append(line)
                if line.startswith('data: {"data"'):  # what is refused ends by itself
                    break
            return Answer("\n".join(lines), response.status_code)

    async def first_frames(
        self, document: str, variables: Sequence[dict[str, object]], *, token: str
    ) -> list[Answer]:
        """The first frame of each of several subscriptions on one WebSocket, without its id."""
        url = f"ws://127.0.0.1:{self.port}/graphql"
        async with (
            asyncio.timeout(PATIENCE_S),
            websockets.connect(url, subprotocols=[PROTOCOL], proxy=None) as socket,
        ):
            init = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
            await socket.send(orjson.dumps(init).decode())
            assert orjson.loads(await socket.recv())["type"] == "connection_ack"
            return [
                await _first_frame(socket, f"operation-{n}", _body(document, each))
                for n, each in enumerate(variables)
            ]


async def _first_frame(socket: websockets.ClientConnection, name: str, payload: dict[str, object]) -> Answer:
    await socket.send(orjson.dumps({"id": name, "type": "subscribe", "payload": payload}).decode())
    while True:
        text = str(await socket.recv())
        if orjson.loads(text).get("id") == name:
            await socket.send(orjson.dumps({"id": name, "type": "complete"}).decode())
            return Answer(text.replace(name, "operation"))


def _body(document: str, variables: dict[str, object]) -> dict[str, object]:
    return {"query": document, "variables": variables}


def _headers(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}

"""The server under attack, the attacker's own account on it, and honest people who must notice nothing."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import httpx
import psutil
import websockets
from websockets.typing import Subprotocol

from tests.processes import CodelabProcess
from tests.resume.api import Api

PROTOCOL = Subprotocol("graphql-transport-ws")
APP_ORIGIN = "https://app.example"
SUBSCRIPTIONS = 200
SETTINGS = {
    "CODELAB_OFFLINE_TOKENS_PER_SECOND": "0",
    "CODELAB_RATE_LIMIT_PER_MINUTE": "1000000",
    "CODELAB_ALLOWED_ORIGINS": APP_ORIGIN,
    "CODELAB_SUBSCRIPTIONS_PER_USER": str(SUBSCRIPTIONS),
}
"""The rate limit would stop most attacks at once: here it is out of the way, so that they hit what is behind it."""
PATIENCE_S = 60.0
_FAILED = re.compile(r'^codelab_http_request_seconds_count\{.*status="5xx".*\} ([0-9.e+]+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response to the attacker."""

    status: int
    headers: httpx.Headers
    text: str

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return cast("dict[str, Any]", json.loads(self.text))

    @property
    def codes(self) -> set[str]:
        """`extensions.code` of the errors."""
        return {error["extensions"]["code"] for error in self.body.get("errors", ())}


class Target:
    """A server and someone who attacks it, signed in like everybody else."""

    def __init__(self, server: CodelabProcess, http: httpx.AsyncClient, person: Api, session_id: str) -> None:
        self.server = server
        self.http = http
        self.person = person
        self.session_id = session_id

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"{self.server.url}/graphql"

    @property
    def authorization(self) -> dict[str, str]:
        """The attacker's credentials."""
        return {"Authorization": f"Bearer {self.person.token}"}

    @property
    def rss_bytes(self) -> int:
        """The server's memory."""
        return int(psutil.Process(self.server.process.pid).memory_info().rss)

    async def ask(self, query: str, **variables: object) -> Answer:
        """An operation over HTTP."""
        return await self.post(json.dumps({"query": query, "variables": variables}).encode())

    async def post(self, content: bytes, **headers: str) -> Answer:
        """Any body, as JSON unless the headers (with underscores) say otherwise."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"content-type": "application/json", "accept": "application/graphql-response+json", **given}
        response = await self.http.post(self.url, content=content, headers={**self.authorization, **sent})
        return Answer(response.status_code, response.headers, response.text)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        return await asyncio.open_connection("127.0.0.1", self.server.port)

    @asynccontextmanager
    async def socket(
        self, *, init: bool = True, **options: Any
    ) -> AsyncIterator[websockets.ClientConnection]:
        """A WebSocket, signed in unless it is to say nothing."""
        url = self.url.replace("http", "ws", 1)
        settings = {"subprotocols": [PROTOCOL], "max_size": None, "proxy": None, "ping_interval": None}
        async with websockets.connect(url, **{**settings, "close_timeout": 1, **options}) as socket:
            if init:
                await socket.send(frame("connection_init", payload=self.authorization))
                assert json.loads(await socket.recv()) == {"type": "connection_ack"}
            yield socket

    async def metric(self, pattern: re.Pattern[str]) -> float:
        """The sum of what a pattern finds among the metrics."""
        text = (await self.http.get(f"{self.server.url}/metrics")).text
        return sum(float(value) for value in pattern.findall(text))

    async def failures(self) -> float:
        """How many requests were answered with a status of 500 and above."""
        return await self.metric(_FAILED)


def frame(kind: str, **parts: object) -> str:
    """A message of graphql-transport-ws."""
    return json.dumps({"type": kind, **parts})


def subscribe(operation_id: str, query: str, **variables: object) -> str:
    """The message that begins an operation."""
    return frame("subscribe", id=operation_id, payload={"query": query, "variables": variables})


async def close_code(socket: websockets.ClientConnection) -> int | None:
    """The code with which the server closes next, whatever it says before."""
    with suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await socket.recv()
    return socket.close_code

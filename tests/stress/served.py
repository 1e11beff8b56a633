"""The whole web application in this process, asked over ASGI as a client asks it over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import httpx

from domain.bus.worker import WorkerTimes
from graphql_api.app.main import Parts, open_parts
from graphql_api.app.settings import Settings
from graphql_api.app.web import Web
from persistence.memory.absent_index import AbsentIndex
from tests.stress.bench import new_id

SIGN_IN = """mutation($token: String!) { redeemSignInLink(token: $token) {
  ... on SignedIn { accessToken user { projects { nodes { id } } } } } }"""
CREATE = (
    "mutation($p: ID!) { createSession(projectId: $p) { __typename ... on SessionSaved { session { id } } } }"
)
SEND = """mutation($s: ID!, $c: String!, $k: String!, $w: Float) {
  sendMessage(sessionId: $s, input: { content: $c, idempotencyKey: $k }, waitSeconds: $w) {
    __typename ... on MessageSent { run { id status } } } }"""
RUN = "query($r: ID!) { run(id: $r) { status problem answer { content } } }"
LOOK = "query($p: ID!) { project(id: $p) { name agents { nodes { handle } } } }"
ENDS = {"SUCCEEDED", "FAILED", "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back, and after how many seconds."""

    status: int
    body: Mapping[str, Any]
    took_s: float

    @property
    def data(self) -> Any:
        """The data, when there were no errors."""
        assert "errors" not in self.body, self.body
        return self.body["data"]

    @property
    def is_unavailable(self) -> bool:
        """Whether it says that it can't be done now, as a union's member or as an error with its code."""
        errors = self.body.get("errors")
        if errors:
            return all(error["extensions"]["code"] == "UNAVAILABLE" for error in errors)
        return any(
            isinstance(part, dict) and part.get("__typename") == "Unavailable"
            for part in cast("Mapping[str, object]", self.body["data"]).values()
        )


class Served:
    """One signed-in user before the application."""

    def __init__(self, parts: Parts, client: httpx.AsyncClient) -> None:
        self.parts = parts
        self._client = client
        self._token = ""
        self.project = ""
        self.session = ""

    async def sign_in(self) -> None:
        """Redeem the first user's link and open a session."""
        link = await self.parts.identity.make_link()
        signed = (await self.ask(SIGN_IN, token=link.token)).data["redeemSignInLink"]
        self._token = signed["accessToken"]
        self.project = signed["user"]["projects"]["nodes"][0]["id"]
        self.session = (await self.ask(CREATE, p=self.project)).data["createSession"]["session"]["id"]

    async def ask(self, query: str, **variables: object) -> Answered:
        """One request."""
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        response = await self._client.post(
            "/graphql", json={"query": query, "variables": variables}, headers=headers
        )
        return Answered(response.status_code, response.json(), time.monotonic() - began)

    async def send(self, content: str, *, key: str = "", wait_s: float = 0) -> Answered:
        """A message to the assistant of the starter project."""
        key = key or str(new_id())
        return await self.ask(SEND, s=self.session, c=f"@CodeAssistant {content}", k=key, w=wait_s)

    async def look(self) -> Answered:
        """A query that needs the database."""
        return await self.ask(LOOK, p=self.project)

    async def ended(self, run_id: str, *, timeout_s: float = 60) -> Mapping[str, Any]:
        """The run when it has ended; the database may be away meanwhile."""
        async with asyncio.timeout(timeout_s):
            while True:
                found = await self.ask(RUN, r=run_id)
                if "errors" not in found.body and found.data["run"]["status"] in ENDS:
                    return cast("Mapping[str, Any]", found.data["run"])
                await asyncio.sleep(0.05)

    async def ready(self) -> bool:
        """What a load balancer is told."""
        return (await self._client.get("/readyz")).status_code == httpx.codes.OK

    async def becomes(self, *, ready: bool, timeout_s: float = 30) -> float:
        """Wait until it is ready, or is not; the seconds that it took."""
        began = time.monotonic()
        async with asyncio.timeout(timeout_s):
            while await self.ready() is not ready:
                await asyncio.sleep(0.05)
        return time.monotonic() - began


@asynccontextmanager
async def open_served(settings: Settings, *, times: WorkerTimes | None = None) -> AsyncIterator[Served]:
    """The application with its worker and without a memory index, and a user who is signed in."""
    async with open_parts(settings, worker_times=times, memory_index=AbsentIndex()) as parts:
        transport = httpx.ASGITransport(Web(parts).asgi)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8000", timeout=60
        ) as client:
            served = Served(parts, client)
            await served.sign_in()
            yield served

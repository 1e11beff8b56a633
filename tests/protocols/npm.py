"""The npm clients graphql-ws and graphql-sse, at a test's command."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

PEERS = Path(__file__).parents[1] / "peers"
PATIENCE_S = 60.0

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (PEERS / "node_modules" / "graphql-ws").exists(),
    reason="needs Node and the packages of tests/peers (make test installs them)",
)

Event = Mapping[str, Any]


class Npm:
    """One Node process with any number of clients, and everything that they tell, in order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._names = 0
        self.events: list[Event] = []
        self._told = asyncio.Condition()

    async def open(
        self, transport: str, url: str, *, token: str | None = None, **options: object
    ) -> NpmClient:
        """A client, which connects when it is first asked for something; the options are the driver's."""
        self._names += 1
        name = f"{transport}-{self._names}"
        address = url.replace("http", "ws", 1) if transport == "ws" else url
        await self.say("open", client=name, transport=transport, url=address, token=token, **options)
        return NpmClient(self, name)

    async def say(self, action: str, **rest: object) -> None:
        """Give a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"action": action, **rest}).encode() + b"\n")
        await self._process.stdin.drain()

    async def until(self, condition: Callable[[list[Event]], bool]) -> list[Event]:
        """Everything that was told, once it meets the condition.

        Raises:
            AssertionError: it does not in time.
        """
        try:
            async with asyncio.timeout(PATIENCE_S), self._told:
                await self._told.wait_for(lambda: condition(self.events))
        except TimeoutError:
            raise AssertionError(f"not told in time; the last were {self.events[-20:]}") from None
        return list(self.events)

    async def clear(self) -> None:
        """Let go of all clients, and forget what they told."""
        await self.say("clear")
        await self.until(lambda events: {"event": "cleared"} in events)
        self.events.clear()

    def new_id(self) -> str:
        """A name for an operation."""
        self._names += 1
        return f"operation-{self._names}"

    async def listen(self) -> None:
        """Write down what is told until the process ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            async with self._told:
                self.events.append(cast("Event", json.loads(line)))
                self._told.notify_all()


class NpmClient:
    """One client of either package."""

    def __init__(self, npm: Npm, name: str) -> None:
        self._npm = npm
        self.name = name

    async def begin(self, query: str, *, resume: str | None = None, **variables: object) -> NpmOperation:
        """Start an operation of any kind; with `resume` a later attempt goes on after the last cursor."""
        operation = NpmOperation(self._npm, self._npm.new_id())
        request = {"query": query, "variables": variables}
        await self._npm.say("subscribe", client=self.name, id=operation.id, request=request, resume=resume)
        return operation

    async def run(self, query: str, **variables: object) -> NpmOperation:
        """An operation that has ended."""
        operation = await self.begin(query, resume=None, **variables)
        await operation.ended()
        return operation

    async def present(self, token: str | None) -> None:
        """Use this token for connections from now on."""
        await self._npm.say("token", client=self.name, token=token)

    async def send(self, text: str) -> None:
        """Send a frame of one's own making on the socket of the moment."""
        await self._npm.say("raw", client=self.name, text=text)

    async def do(self, action: str) -> None:
        """`cut` the connection, or `dispose` of the client."""
        await self._npm.say(action, client=self.name)

    async def told(self, event: str, count: int = 1) -> list[Event]:
        """The events of one kind, once there are so many."""
        await self._npm.until(lambda _: len(self._of(event)) >= count)
        return self._of(event)

    async def close_code(self) -> int:
        """The code with which its first connection was closed."""
        return int((await self.told("closed"))[0]["code"])

    def _of(self, event: str) -> list[Event]:
        return [it for it in self._npm.events if it.get("client") == self.name and it["event"] == event]


class NpmOperation:
    """One operation and what came for it."""

    def __init__(self, npm: Npm, operation_id: str) -> None:
        self._npm = npm
        self.id = operation_id

    @property
    def results(self) -> list[Event]:
        """The results so far."""
        return [it["result"] for it in self._mine if it["event"] == "next"]

    @property
    def data(self) -> list[Any]:
        """Their data."""
        return [it["data"] for it in self.results]

    @property
    def end(self) -> Event | None:
        """`complete` or `error`, when it has ended."""
        return next((it for it in self._mine if it["event"] in {"complete", "error"}), None)

    @property
    def code(self) -> str:
        """`extensions.code` of its first error, in the end or in a result."""
        end = self.end or {}
        errors = end.get("errors") or self.results[-1]["errors"]
        return str(errors[0]["extensions"]["code"])

    async def received(self, count: int = 1) -> list[Any]:
        """The data, once so many results are there."""
        await self._npm.until(lambda _: len(self.results) >= count)
        return self.data

    async def ended(self) -> Event:
        """How it ended."""
        await self._npm.until(lambda _: self.end is not None)
        assert self.end is not None
        return self.end

    async def stop(self) -> None:
        """Lose interest."""
        await self._npm.say("stop", id=self.id)

    @property
    def _mine(self) -> list[Event]:
        return [it for it in self._npm.events if it.get("id") == self.id]


@asynccontextmanager
async def npm_clients() -> AsyncIterator[Npm]:
    """A Node process for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        "node",
        "driver.mjs",
        cwd=PEERS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=16 * 1024 * 1024,
    )
    npm = Npm(process)
    listening = asyncio.create_task(npm.listen())
    try:
        yield npm
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(60):
            await process.wait()
        await listening

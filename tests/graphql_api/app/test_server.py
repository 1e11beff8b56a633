"""Listening and stopping, in this process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NoReturn

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from graphql_api.app.server import BindRefused, Stop, bind, serve
from graphql_api.app.settings import Settings


class World:
    """An application with a stream that never ends by itself, and a record of what happened."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.started = asyncio.Event()
        self.over = asyncio.Event()
        self.app = Starlette(routes=[Route("/client", self._client), Route("/stream", self._stream)])

    async def _client(self, request: Request) -> JSONResponse:
        return JSONResponse({"host": request.client and request.client.host, "scheme": request.url.scheme})

    async def _stream(self, _: Request) -> StreamingResponse:
        async def chunks() -> AsyncIterator[str]:
            yield "first"
            await self.over.wait()
            yield "last"

        return StreamingResponse(chunks())

    async def end_streams(self) -> None:
        self.said.append("stopping")
        self.over.set()

    @asynccontextmanager
    async def served(
        self, settings: Settings, stop: Stop, *, stopping: Callable[[], Awaitable[None]] | None = None
    ) -> AsyncIterator[httpx.AsyncClient]:
        listener = bind("127.0.0.1", 0)
        port = listener.getsockname()[1]
        task = asyncio.create_task(
            serve(
                self.app,
                settings=settings,
                listener=listener,
                stop=stop,
                started=self.started.set,
                stopping=stopping or self.end_streams,
            )
        )
        await self.started.wait()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
            if not stop.asked:
                stop.ask(signal.SIGTERM)
            async with asyncio.timeout(60):
                await task


def _never(code: int) -> NoReturn:
    raise SystemExit(code)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_stopping_server_ends_streams_first_and_lets_them_finish(world: World) -> None:
    stop = Stop(end=_never)

    async with world.served(Settings(), stop) as client, client.stream("GET", "/stream") as response:
        chunks = response.aiter_text()
        assert await anext(chunks) == "first"
        stop.ask(signal.SIGTERM)
        assert "".join([chunk async for chunk in chunks]) == "last"

    assert world.said == ["stopping"]


async def test_a_request_that_never_ends_is_cut_after_the_time_to_stop(world: World) -> None:
    async def nothing() -> None:
        return

    settings = Settings(shutdown_seconds=0)
    async with world.served(settings, Stop(end=_never), stopping=nothing) as client:
        request = asyncio.create_task(client.get("/stream"))
        await asyncio.sleep(0.05)

    with pytest.raises(httpx.TransportError):
        await request


async def test_forwarded_headers_are_believed_from_trusted_proxies_only(world: World) -> None:
    forwarded = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"}

    async with world.served(Settings(), Stop(end=_never)) as client:
        plain = (await client.get("/client", headers=forwarded)).json()
    trusting = World()
    async with trusting.served(Settings(trusted_proxies=("127.0.0.1",)), Stop(end=_never)) as client:
        response = await client.get("/client", headers=forwarded)

    assert plain == {"host": "127.0.0.1", "scheme": "http"}
    assert response.json() == {"host": "203.0.113.7", "scheme": "https"}
    assert "server" not in response.headers


async def test_the_first_signal_stops_in_order_and_the_second_at_once() -> None:
    said: list[object] = []

    def end(code: int) -> NoReturn:
        said.append(code)
        raise SystemExit(code)

    stop = Stop(end=end)
    with stop.by(lambda: said.append("in order")):
        stop.ask(signal.SIGINT)
        with pytest.raises(SystemExit):
            stop.ask(signal.SIGINT)

    assert said == ["in order", 130]


async def test_a_signal_while_nothing_is_served_yet_cancels_the_start() -> None:
    entered = asyncio.Event()

    async def starting() -> None:
        with Stop(end=_never).on_signals():
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(starting())
    await entered.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait([task], timeout=5)

    assert task.cancelled()


def test_a_port_that_is_taken_is_refused() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(BindRefused, match=rf"Port {port} of 127.0.0.1 is in use.*CODELAB_PORT"):
            bind("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(BindRefused, match="not an address of this machine"):
        bind(host, 0)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (PermissionError(13, "Permission denied"), "Port 80 may not be used by this account"),
        (OSError(97, "Address family not supported"), "Address family not supported"),
    ],
)
def test_any_other_reason_is_told(problem: OSError, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> socket.socket:
        raise problem

    monkeypatch.setattr("socket.create_server", refuse)

    with pytest.raises(BindRefused, match=words):
        bind("127.0.0.1", 80)

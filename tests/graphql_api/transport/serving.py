"""A real uvicorn server in the tests' own process and event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.typing import Subprotocol

from graphql_api.transport.draining import DrainingHttp, DrainingWebSocket
from graphql_api.transport.hosts import HostGuard
from graphql_api.transport.routes import Transports, routes
from tests.graphql_api.transport.toy import NOW, ToyObserver, World, schema

PROTOCOL = Subprotocol("graphql-transport-ws")


class Server:
    """Listens on a free port of the loopback interface and serves whatever `app` is just now."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        # asyncio sends small pieces at once only on sockets that say that they are TCP
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port: int = self._listener.getsockname()[1]
        config = uvicorn.Config(
            self._serve,
            log_config=None,
            interface="asgi3",
            http=DrainingHttp,
            ws=DrainingWebSocket,
            lifespan="off",
            ws_per_message_deflate=False,
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        self.uvicorn = uvicorn.Server(config)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        """Run; at the end nothing is left."""
        task = asyncio.create_task(self.uvicorn._serve([self._listener]))
        while not self.uvicorn.started:
            await asyncio.sleep(0.002)
        try:
            yield self
        finally:
            self.uvicorn.should_exit = True
            await task
            self._listener.close()


@dataclass(eq=False)
class Served:
    """A toy world behind a running server, and ways to talk to it."""

    world: World
    transports: Transports
    port: int
    http: httpx.AsyncClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    def connect(self, **options: object) -> websockets.connect:
        """Open a WebSocket that speaks the protocol, without saying anything yet."""
        url = f"ws://127.0.0.1:{self.port}/graphql"
        settings: dict[str, object] = {"subprotocols": [PROTOCOL], "max_size": None, "proxy": None, **options}
        return websockets.connect(url, **settings)  # type: ignore[arg-type]  # each is what it takes


def toy_transports(world: World, **bounds: object) -> Transports:
    """The toy's transports, with other bounds where given."""
    transports = Transports(
        schema=schema,
        authenticator=world.authenticator,
        contexts=world,
        gate=world,
        observer=ToyObserver(world),
        clock=lambda: NOW,
        new_id=world.new_id,
        allowed_origins=["https://app.example"],
    )
    return replace(transports, bounds=replace(transports.bounds, **bounds))  # type: ignore[arg-type]  # each is one


@asynccontextmanager
async def serving(
    server: Server, world: World, transports: Transports | None = None
) -> AsyncIterator[Served]:
    """Serve a toy world; at the end all its connections, contexts and sources are closed."""
    transports = transports or toy_transports(world)
    app = Starlette(routes=routes(transports))
    server.app = HostGuard(app, allowed=["127.0.0.1", "*.codelab.example"], exempt=["/healthz"])
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        yield Served(world, transports, server.port, http)
    assert await transports.connections.close_all(timeout_s=30) == 0
    await world.until(lambda: world.open_contexts == 0 == world.in_flight)
    assert (world.sources_open, world.authenticator.watched) == (0, [])
    assert transports.connections.live_subscriptions == 0

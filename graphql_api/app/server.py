"""Listening: the socket, the HTTP server on it, and stopping in order when a signal asks for it."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import uvicorn
from starlette.types import ASGIApp

from graphql_api.app.settings import Settings
from graphql_api.transport.draining import DrainingHttp, DrainingWebSocket

BACKLOG = 2_048
KEEP_ALIVE_S = 65
"""Longer than the 60 s after which common proxies drop an idle connection, so that they do it first."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class BindRefused(Exception):
    """The server can't listen there; the message says why and what to do."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; connections wait in it until the server is ready.

    Raises:
        BindRefused: the port is taken, not allowed, or the address is not of this machine.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise BindRefused(_why(error, host, port)) from error


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is in use, perhaps by another CodeLab. Stop the other program, or set "
            "CODELAB_PORT to another port (0 takes a free one)."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by this account. Set CODELAB_PORT to a port from 1024."
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine. Set CODELAB_HOST to 127.0.0.1, or 0.0.0.0 for all."
    return f"Listening on {host}:{port} failed: {error.strerror}."


class Stop:
    """What a signal does: the first one stops in order, a second one at once.

    Ending at once loses nothing: whatever was done is committed, and what was not is taken up by the
    next start.
    """

    def __init__(self, *, end: Callable[[int], NoReturn] = os._exit) -> None:
        self.asked = False
        self._in_order: Callable[[], object] = lambda: None
        self._end = end

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Obey signals; until someone says better, the first one cancels the task that entered here."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        with self.by(task.cancel if task else lambda: None):
            for number in SIGNALS:
                loop.add_signal_handler(number, self.ask, number)
            try:
                yield
            finally:
                for number in SIGNALS:
                    loop.remove_signal_handler(number)

    @contextmanager
    def by(self, in_order: Callable[[], object]) -> Iterator[None]:
        """While inside, stop in order by calling this."""
        before, self._in_order = self._in_order, in_order
        try:
            yield
        finally:
            self._in_order = before

    def ask(self, number: int) -> None:
        """A signal came."""
        if self.asked:
            self._end(128 + number)
        self.asked = True
        self._in_order()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which would end the process before its resources are closed."""

    def __init__(
        self, config: uvicorn.Config, *, started: Callable[[], None], stopping: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._tell_started = started
        self._stopping = stopping

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._stopping()
        await super().shutdown(sockets)

    def stop(self) -> None:
        self.should_exit = True


async def serve(
    app: ASGIApp,
    *,
    settings: Settings,
    listener: socket.socket,
    stop: Stop,
    started: Callable[[], None],
    stopping: Callable[[], Awaitable[None]],
) -> None:
    """Answer requests until a signal asks to stop, then let those end that have begun.

    Args:
        app: What answers.
        settings: Bounds and proxies.
        listener: Where to listen; closed at the end.
        stop: Tells of signals.
        started: Called once requests are answered.
        stopping: Ends what would never end by itself, before requests are waited for.
    """
    server = _Server(_config(app, settings), started=started, stopping=stopping)
    with stop.by(server.stop):
        await server.serve([listener])


def _config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        http=DrainingHttp,
        ws=DrainingWebSocket,
        ws_max_size=settings.max_body_bytes,
        ws_per_message_deflate=False,  # measured: 45 instead of 82 KiB a connection
        ws_ping_interval=None,  # the protocols above ping for themselves
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, math.ceil(settings.shutdown_seconds)),
        backlog=BACKLOG,
    )

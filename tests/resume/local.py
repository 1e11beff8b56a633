"""The real application on a real server inside the tests' process, so that tests can see and move its parts."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from graphql_api.app.main import Parts, open_parts
from graphql_api.app.server import Stop, bind, serve
from graphql_api.app.settings import Settings
from graphql_api.app.web import Web
from graphql_api.transport.routes import Transports
from tests.resume.truth import SqliteFile, Truth

BUFFER_BYTES = 32_768
"""Sent bytes that may wait for a client inside the kernel, so that few are needed to find it not reading."""


class _PatientWeb(Web):
    """The web with another patience for clients that do not read."""

    def __init__(self, parts: Parts, *, stall_s: float) -> None:
        self._stall_s = stall_s
        super().__init__(parts)

    def _transports(self) -> Transports:
        transports = super()._transports()
        return replace(transports, bounds=replace(transports.bounds, stall_s=self._stall_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """A server and its inside."""

    url: str
    parts: Parts
    web: Web
    truth: Truth


@asynccontextmanager
async def serving_here(
    folder: Path, *, stall_s: float = 10.0, tokens_per_second: float = 0
) -> AsyncIterator[Local]:
    """Serve the embedded matrix until the end of the block, then stop as a signal would."""
    settings = Settings(
        data_dir=folder, offline_tokens_per_second=tokens_per_second, rate_limit_per_minute=1_000_000
    )
    started, stop = asyncio.Event(), Stop()
    with bind("127.0.0.1", 0) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        async with open_parts(settings) as parts:
            web = _PatientWeb(parts, stall_s=stall_s)
            serving = asyncio.create_task(
                serve(
                    web.asgi,
                    settings=settings,
                    listener=listener,
                    stop=stop,
                    started=started.set,
                    stopping=web.stopping,
                )
            )
            await started.wait()
            try:
                truth = Truth(SqliteFile(folder / "codelab.db"))
                yield Local(url=settings.url, parts=parts, web=web, truth=truth)
            finally:
                stop.ask(signal.SIGTERM)
                await serving

"""How long a start takes: to a server that is ready, and to the first word of the first answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from benchmarks.account import new_session, send, signed_in_by_link
from benchmarks.http import Connection, UnexpectedAnswer
from benchmarks.stores import Store
from benchmarks.subscription import follower
from tests.launchers.owned_process import POLL_S
from tests.processes import CodelabProcess

_LINK = r"/#token=(\S+)"
START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Seconds from the start of the process on fresh data; no first word where no link is printed."""

    ready_s: float
    first_word_s: float | None


async def started(store: Store, name: str) -> Start:
    """Start a server with the settings of `make run`, talk to it once as its first user, and stop it."""
    server = await store.server(name, measured=False)
    began = time.perf_counter()
    await server.launch()
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            await _ready(server)
            ready_s, first_word_s = time.perf_counter() - began, None
            if store.postgres is None:
                await _first_word(server)
                first_word_s = time.perf_counter() - began
    finally:
        await server.stop()
    return Start(ready_s=ready_s, first_word_s=first_word_s)


async def _ready(server: CodelabProcess) -> None:
    """Ask until the server says that it is ready, with next to no computing, which it needs itself."""
    while server.process.running:
        try:
            async with Connection(server.url) as connection:
                await connection.get("/readyz")
            return
        except (OSError, EOFError, UnexpectedAnswer):
            await asyncio.sleep(POLL_S)
    raise UnexpectedAnswer(server.output())


async def _first_word(server: CodelabProcess) -> None:
    link = await server.printed(_LINK)
    account = await signed_in_by_link(server.url, link[1])
    async with account.connection() as connection, follower(account) as events:
        session = await new_session(connection, account)
        await events.follow(session)
        await send(connection, session, to=account.handles[0])
        await events.until("MessageDelta")

"""What an idle connection keeps of the server's memory: a WebSocket that is signed in and subscribed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.account import new_session, registered
from benchmarks.fan_out import OURS, RAW, WATCH
from benchmarks.report import Say, Verdict, markdown, table
from benchmarks.servers import raw_sockets, running
from benchmarks.sockets import crowd, raise_file_limit
from benchmarks.stores import MANY_SOCKETS, MEASURED
from tests.processes import CodelabProcess

MOST_KIB = 50.0
"""The target."""
WARM_UP = 50
"""Sockets that are there before: the first ones bring modules, caches and free lists with them."""
_SETTLE_S = 1.0
_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How many connections."""

    connections: int


FULL, QUICK = Plan(1_000), Plan(100)


@dataclass(frozen=True, slots=True)
class Idle:
    """KiB of resident memory that each connection added, for ours and for bare sockets."""

    plan: Plan
    kib: dict[str, float]

    def tables(self) -> str:
        """Both servers."""
        rows = [(name, f"{kib:.1f}") for name, kib in self.kib.items()]
        return table(f"Memory of {self.plan.connections:,} idle connections", ("", "KiB a connection"), rows)

    def verdicts(self) -> list[Verdict]:
        """At most 50 KiB."""
        return [Verdict("memory of an idle connection", "SQLite", self.kib[OURS], MOST_KIB, "KiB")]

    def readme(self) -> Iterator[str]:
        """The targets."""
        return markdown(self.verdicts())

    def record(self) -> object:
        """The figures."""
        return {"connections": self.plan.connections, "kib": self.kib}


async def measure(plan: Plan, folder: Path, *, say: Say) -> Idle:
    """Open the connections and see how the server grows."""
    say(f"opening {plan.connections:,} connections")
    raise_file_limit(_FILES)
    async with AsyncExitStack() as stack:
        settings = {**MEASURED, **MANY_SOCKETS}
        server = await stack.enter_async_context(CodelabProcess(folder / "idle", settings=settings))
        account = await registered(server.url, agents=0)
        async with account.connection() as connection:
            session = await new_session(connection, account)
        variables = {"session": session.id, "after": session.cursor}
        subscribe = {"query": WATCH, "variables": variables}
        ours = await _growth(
            plan, server.url, server.process.pid, init={"token": account.token}, subscribe=subscribe
        )
        bare = await stack.enter_async_context(running(raw_sockets(), folder))
        raw = await _growth(plan, bare.url, bare.pid, init={}, subscribe={})
    return Idle(plan, {OURS: ours, RAW: raw})


async def _growth(plan: Plan, url: str, pid: int, *, init: object, subscribe: object) -> float:
    async with crowd(url, init=init, subscribe=subscribe) as them:
        await them.grow(WARM_UP)
        before = await _settled(pid)
        await them.grow(WARM_UP + plan.connections)
        return (await _settled(pid) - before) / 1024 / plan.connections


async def _settled(pid: int) -> int:
    await asyncio.sleep(_SETTLE_S)
    return int(psutil.Process(pid).memory_info().rss)

"""What a direct call takes: to the answer of `sendMessage`, and to the end of the answer on a WebSocket."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil

from benchmarks.account import Account, Session, new_session, send
from benchmarks.http import Connection
from benchmarks.samples import Round
from benchmarks.subscription import Follower, follower
from tests.processes import CodelabProcess

SESSION_CALLS = 10
"""Messages in a session before the next one is made: most chats are short."""
WAIT_S = 30.0

Durations = list[float]
Client = Callable[[Account, str, int], Awaitable[Durations]]


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many clients call at once (each in sessions of its own, with an agent of its own), and how often each."""

    clients: int
    calls: int


async def waiting(account: Account, handle: str, calls: int) -> Durations:
    """Send, and wait for the finished answer in the response of `sendMessage` itself."""
    durations: Durations = []
    async with account.connection() as connection:
        for size in _sessions(calls):
            session = await new_session(connection, account)
            for _ in range(size):
                began = time.perf_counter()
                await send(connection, session, to=handle, wait_s=WAIT_S)
                durations.append(time.perf_counter() - began)
    return durations


async def following(account: Account, handle: str, calls: int) -> Durations:
    """Send, and wait for MessageCompleted on a subscription that is open already."""
    durations: Durations = []
    async with account.connection() as connection, follower(account) as events:
        for size in _sessions(calls):
            session = await _followed(connection, account, handle, events)
            for _ in range(size):
                began = time.perf_counter()
                sending = asyncio.ensure_future(send(connection, session, to=handle))
                await events.until("MessageCompleted")
                durations.append(time.perf_counter() - began)
                await sending
    return durations


def _sessions(calls: int) -> list[int]:
    """How many calls go into each session."""
    full, rest = divmod(calls, SESSION_CALLS)
    return [SESSION_CALLS] * full + [rest] * bool(rest)


async def _followed(connection: Connection, account: Account, handle: str, events: Follower) -> Session:
    """A new session with an open stream, as the end of a first answer, which is not measured, proves."""
    session = await new_session(connection, account)
    await events.follow(session)
    await send(connection, session, to=handle)
    await events.until("MessageCompleted")
    return session


async def probing(account: Account, _: str, calls: int) -> Durations:
    """Ask the same server for a constant: what HTTP alone takes."""
    durations: Durations = []
    async with account.connection() as connection:
        for _number in range(calls):
            began = time.perf_counter()
            await connection.get("/healthz")
            durations.append(time.perf_counter() - began)
    return durations


async def measured(client: Client, server: CodelabProcess, account: Account, crowd: Crowd) -> Round:
    """One round of a crowd, all begun at once."""
    pid = server.process.pid
    before, began = cpu_s(pid), time.perf_counter()
    each = await asyncio.gather(
        *(client(account, handle, crowd.calls) for handle in account.handles[: crowd.clients])
    )
    elapsed_s = time.perf_counter() - began
    durations = tuple(duration for durations in each for duration in durations)
    return Round(durations_s=durations, elapsed_s=elapsed_s, cpu_s=cpu_s(pid) - before)


def cpu_s(pid: int) -> float:
    """What a process has computed so far, all its threads together, in seconds."""
    if sys.platform != "linux":
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return time.clock_gettime((~pid << 3) | 2)  # its CPU clock (clock_getcpuclockid(3)), in nanoseconds

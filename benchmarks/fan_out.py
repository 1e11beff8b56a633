"""One event of a session to many WebSocket subscribers of one user, beside a loop that sends the same bytes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import orjson

from benchmarks.account import PATH, call, new_session, registered
from benchmarks.direct_call import cpu_s
from benchmarks.http import Connection, UnexpectedAnswer
from benchmarks.pinning import Cores
from benchmarks.report import Say, Verdict, markdown, middle_and_range, table
from benchmarks.samples import Round, Spread
from benchmarks.servers import raw_sockets, running
from benchmarks.sockets import Crowd, crowd, raise_file_limit
from benchmarks.stores import MANY_SOCKETS, MEASURED
from tests.processes import CodelabProcess

OURS, RAW = "CodeLab", "raw send loop"
MOST_TIMES_RAW = 1.5
"""The target."""
_FILES = 10_000
_RENAME = """
mutation Rename($id: ID!, $title: String!) {
  renameSession(id: $id, title: $title) { __typename ... on Problem { problem: message } }
}"""
WATCH = """
subscription Watch($session: ID!, $after: Cursor) {
  sessionEvents(sessionId: $session, after: $after) {
    __typename cursor at sessionId
    ... on MessageDelta { messageId generation offset text }
    ... on SessionRenamed { title }
  }
}"""

Publish = Callable[[str], Awaitable[None]]
"""Says something with this word in it to everybody, and waits for the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many subscribers, and how many events in a round for each number of them."""

    repeats: int
    events: Mapping[int, int]

    @property
    def sizes(self) -> Sequence[int]:
        """The crowds, smallest first; the one of a single subscriber shows what publishing takes."""
        return sorted(self.events)


FULL = Plan(repeats=3, events={1: 40, 100: 30, 1_000: 12, 2_000: 6})
QUICK = Plan(repeats=1, events={1: 10, 100: 5})


@dataclass(slots=True)
class FanOut:
    """What was measured: the rounds of both servers for each number of subscribers."""

    plan: Plan
    rounds: dict[tuple[str, int], list[Round]] = field(default_factory=dict)

    def delivery_us(self, server: str, size: int) -> Spread:
        """Computing per delivered event in us, without that of publishing (which the crowd of one shows)."""
        alone = median(it.cpu_ms or 0.0 for it in self.rounds[server, 1])
        more = ((it.cpu_ms or 0.0) - alone for it in self.rounds[server, size])
        return Spread(tuple(1_000 * it / (size - 1) for it in more))

    def times_raw(self, size: int) -> Spread:
        """Our computing per delivered event over the loop's, in the same repeat."""
        pairs = zip(self.delivery_us(OURS, size).values, self.delivery_us(RAW, size).values, strict=True)
        return Spread(tuple(ours / raw for ours, raw in pairs))

    def slower(self, size: int) -> Spread:
        """How many times as long until the last subscriber has an event, publishing included."""
        pairs = zip(self.rounds[OURS, size], self.rounds[RAW, size], strict=True)
        return Spread(tuple(ours.p50_ms / raw.p50_ms for ours, raw in pairs))

    @property
    def _crowds(self) -> Sequence[int]:
        return [size for size in self.plan.sizes if size > 1]

    def tables(self) -> str:
        """Both servers for each number of subscribers."""
        head = ("", "until the last has it: p50 ms", "p99 ms", "CPU us a delivery", "(range)")
        blocks = [
            table(f"One event to {size:,} subscribers", head, [self._row(it, size) for it in (OURS, RAW)])
            for size in self._crowds
        ]
        notes = [
            "until    from the sending of the mutation (for the loop: of the text) on",
            "CPU      of the server, per event and subscriber; what one subscriber takes is taken off",
        ]
        return "\n\n".join(blocks) + "\n\n" + "\n".join(notes)

    def _row(self, server: str, size: int) -> Sequence[str]:
        rounds = self.rounds[server, size]
        return (
            server,
            f"{Spread(tuple(it.p50_ms for it in rounds)).middle:.1f}",
            f"{Spread(tuple(it.p99_ms for it in rounds)).middle:.1f}",
            *middle_and_range(self.delivery_us(server, size), digits=1),
        )

    def verdicts(self) -> list[Verdict]:
        """Computing and time, each at most 1.5 times the loop's."""
        return [
            Verdict(
                f"one event to {size:,} sockets: {what}, x raw loop", "SQLite", figure, MOST_TIMES_RAW, "x"
            )
            for size in self._crowds
            for what, figure in (
                ("CPU per delivery", self.times_raw(size).middle),
                ("time to the last", self.slower(size).middle),
            )
        ]

    def readme(self) -> Iterator[str]:
        """The targets."""
        return markdown(self.verdicts())

    def record(self) -> object:
        """Every round."""
        return [
            {
                "server": server,
                "subscribers": size,
                "p50_ms": [it.p50_ms for it in rounds],
                "p99_ms": [it.p99_ms for it in rounds],
                "cpu_ms_per_event": [it.cpu_ms for it in rounds],
            }
            for (server, size), rounds in self.rounds.items()
        ]


@dataclass(frozen=True, slots=True)
class _Server:
    name: str
    pid: int
    crowd: Crowd
    publish: Publish


async def measure(plan: Plan, folder: Path, *, say: Say) -> FanOut:
    """Let both crowds grow side by side and publish to each in turn."""
    raise_file_limit(_FILES)
    cores, results = Cores(), FanOut(plan)
    async with AsyncExitStack() as stack:
        servers = [await _ours(stack, folder), await _raw(stack, folder)]
        stack.enter_context(cores.load())
        for server in servers:
            cores.pin(server.pid)
        for size in plan.sizes:
            say(f"sending one event to {size:,} subscribers")
            for server in servers:
                await server.crowd.grow(size)
                await _round(server, 3)  # everyone is there, and everything was done once
            for _ in range(plan.repeats):
                for server in servers:
                    done = await _round(server, plan.events[size])
                    results.rounds.setdefault((server.name, size), []).append(done)
        sizes = {len(server.crowd.sample) for server in servers}
        if max(sizes) - min(sizes) > 8:
            raise UnexpectedAnswer(f"the servers send frames of {sizes} bytes")
    return results


async def _ours(stack: AsyncExitStack, folder: Path) -> _Server:
    settings = {**MEASURED, **MANY_SOCKETS}
    server = await stack.enter_async_context(CodelabProcess(folder / "fan-out", settings=settings))
    account = await registered(server.url, agents=0)
    connection = await stack.enter_async_context(account.connection())
    session = await new_session(connection, account)
    variables = {"session": session.id, "after": session.cursor}
    them = await stack.enter_async_context(
        crowd(server.url, init={"token": account.token}, subscribe={"query": WATCH, "variables": variables})
    )

    async def rename(word: str) -> None:
        await call(connection, _RENAME, id=session.id, title=word)

    return _Server(OURS, server.process.pid, them, rename)


async def _raw(stack: AsyncExitStack, folder: Path) -> _Server:
    server = await stack.enter_async_context(running(raw_sockets(), folder))
    connection = await stack.enter_async_context(Connection(server.url))
    them = await stack.enter_async_context(crowd(server.url, init={}, subscribe={}))

    async def post(word: str) -> None:
        await connection.post(PATH, _frame(word))

    return _Server(RAW, server.pid, them, post)


def _frame(title: str) -> bytes:
    """What one of ours looks like, so that the loop sends as much."""
    event = {
        "__typename": "SessionRenamed",
        "cursor": "1000",
        "at": "2026-01-01T00:00:00.000000+00:00",
        "sessionId": "ses_01h455vb4pex5vsknk084sn02q",
        "title": title,
    }
    return orjson.dumps({"id": "1", "type": "next", "payload": {"data": {"sessionEvents": event}}})


async def _round(server: _Server, events: int) -> Round:
    """So many events, the next one when the last subscriber has the one before."""
    before, began, durations = cpu_s(server.pid), time.perf_counter(), []
    for number in range(events):
        word = f"Renamed for the {number}th time at {time.perf_counter_ns()}"
        server.crowd.expect(word.encode())
        sent = time.perf_counter()
        await server.publish(word)
        durations.append(await server.crowd.everyone() - sent)
    elapsed_s, spent_s = time.perf_counter() - began, cpu_s(server.pid) - before
    return Round(durations_s=tuple(durations), elapsed_s=elapsed_s, cpu_s=spent_s)

"""The whole run: every measurement of every store in turn, as often as asked, so that noise hits all alike."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.account import Account, registered
from benchmarks.direct_call import Crowd, following, measured, probing, waiting
from benchmarks.floor import bare_statements
from benchmarks.machine import Machine
from benchmarks.samples import Round, Spread
from benchmarks.start import Start, started
from benchmarks.stores import Store, stores
from tests.processes import CodelabProcess

Say = Callable[[str], None]

WAITING, FOLLOWING, HTTP, STATEMENTS = "waiting", "following", "http", "statements"
MEASUREMENTS = {
    WAITING: "sendMessage(waitSeconds)",
    FOLLOWING: "until MessageCompleted",
    HTTP: "floor: GET /healthz",
    STATEMENTS: "floor: bare statements",
}
_CLIENTS = {WAITING: waiting, FOLLOWING: following, HTTP: probing}
WARM_UP = 20
"""Calls of each kind before the first round: documents are parsed, statements prepared, pages read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to measure."""

    repeats: int
    alone: Crowd
    together: Crowd

    @property
    def crowds(self) -> tuple[Crowd, Crowd]:
        """Both crowds, the single client first."""
        return self.alone, self.together


FULL = Plan(repeats=3, alone=Crowd(1, 200), together=Crowd(20, 20))
QUICK = Plan(repeats=1, alone=Crowd(1, 20), together=Crowd(20, 2))


@dataclass(frozen=True, slots=True)
class Place:
    """Where rounds belong: a store, so many clients, and what they did."""

    store: str
    clients: int
    measurement: str


@dataclass(slots=True, kw_only=True)
class Results:
    """Everything that was measured."""

    machine: Machine
    plan: Plan
    stores: Sequence[str]
    starts: dict[str, list[Start]] = field(default_factory=dict)
    rss_at_start_mb: dict[str, float] = field(default_factory=dict)
    rss_after_calls_mb: dict[str, float] = field(default_factory=dict)
    rounds: dict[Place, list[Round]] = field(default_factory=dict)

    def over_floor(self, place: Place) -> Spread:
        """How many times as long as the floor (HTTP and statements of the same repeat) its median call took."""
        http, statements = (
            self.rounds[Place(place.store, place.clients, floor)] for floor in (HTTP, STATEMENTS)
        )
        repeats = zip(self.rounds[place], http, statements, strict=True)
        return Spread(tuple(ours.p50_ms / (h.p50_ms + s.p50_ms) for ours, h, s in repeats))


@dataclass(frozen=True, slots=True)
class Subject:
    """A store, a server on it and a user there."""

    store: Store
    server: CodelabProcess
    account: Account

    @property
    def rss_mb(self) -> float:
        """The server's resident memory, in MB of 1,000,000 bytes."""
        return rss_mb(self.server)


def rss_mb(server: CodelabProcess) -> float:
    """A server's resident memory, in MB of 1,000,000 bytes."""
    return float(psutil.Process(server.process.pid).memory_info().rss) / 1e6


async def run(plan: Plan, *, say: Say) -> Results:
    """Measure everything; `say` is told what is going on."""
    machine = Machine.now()
    with tempfile.TemporaryDirectory(prefix="codelab-benchmark-") as folder:
        async with stores(Path(folder)) as found:
            results = Results(machine=machine, plan=plan, stores=[store.name for store in found])
            await _starts(found, results, say)
            async with _subjects(found, results) as subjects:
                await _rounds(subjects, results, say)
    return results


async def _starts(found: Sequence[Store], results: Results, say: Say) -> None:
    for repeat in range(results.plan.repeats):
        say(f"starting servers ({repeat + 1} of {results.plan.repeats})")
        for store in found:
            start = await started(store, f"start-{repeat}")
            results.starts.setdefault(store.name, []).append(start)


@asynccontextmanager
async def _subjects(found: Sequence[Store], results: Results) -> AsyncIterator[list[Subject]]:
    async with AsyncExitStack() as stack:
        subjects: list[Subject] = []
        for store in found:
            server = await stack.enter_async_context(await store.server("measured"))
            results.rss_at_start_mb[store.name] = rss_mb(server)
            account = await registered(server.url, agents=results.plan.together.clients)
            subjects.append(Subject(store, server, account))
        yield subjects


async def _rounds(subjects: Sequence[Subject], results: Results, say: Say) -> None:
    for subject in subjects:
        for client in _CLIENTS.values():
            await client(subject.account, subject.account.handles[0], WARM_UP)
    for repeat in range(results.plan.repeats):
        for crowd in results.plan.crowds:
            say(f"calling, {crowd.clients} at once ({repeat + 1} of {results.plan.repeats})")
            for measurement in MEASUREMENTS:
                for subject in subjects:
                    done = await _round(subject, measurement, crowd)
                    place = Place(subject.store.name, crowd.clients, measurement)
                    results.rounds.setdefault(place, []).append(done)
                    results.rss_after_calls_mb.setdefault(subject.store.name, subject.rss_mb)


async def _round(subject: Subject, measurement: str, crowd: Crowd) -> Round:
    client = _CLIENTS.get(measurement)
    if client is None:
        return await bare_statements(subject.store, crowd)
    return await measured(client, subject.server, subject.account, crowd)

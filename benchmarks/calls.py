"""Direct calls, starts and memory: every measurement of every store in turn, so that noise hits all alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from benchmarks.account import Account, registered
from benchmarks.direct_call import Crowd, following, measured, probing, waiting
from benchmarks.floor import STATEMENTS as BARE_STATEMENTS
from benchmarks.floor import TRANSACTIONS, bare_statements
from benchmarks.report import Row, Say, Verdict, markdown, middle_and_range, table
from benchmarks.samples import Round, Spread
from benchmarks.start import Start, started
from benchmarks.stores import Store, stores
from tests.processes import CodelabProcess

WAITING, FOLLOWING, HTTP, STATEMENTS = "waiting", "following", "http", "statements"
MEASUREMENTS = {
    WAITING: "sendMessage(waitSeconds)",
    FOLLOWING: "until MessageCompleted",
    HTTP: "floor: GET /healthz",
    STATEMENTS: "floor: bare statements",
}
_CLIENTS = {WAITING: waiting, FOLLOWING: following, HTTP: probing}
P50_MS, P95_MS, RSS_MB, FIRST_WORD_S = 5.0, 15.0, 150.0, 10.0
"""The targets."""
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

    def verdicts(self) -> Iterator[Verdict]:
        """Every target on every store; the median repeat decides."""
        for store in self.stores:
            for crowd in self.plan.crowds:
                for measurement in (WAITING, FOLLOWING):
                    rounds = self.rounds[Place(store, crowd.clients, measurement)]
                    what = f"{MEASUREMENTS[measurement]}, {_clients(crowd.clients)}"
                    yield Verdict(
                        f"{what}: p50", store, _of(rounds, lambda it: it.p50_ms).middle, P50_MS, "ms"
                    )
                    yield Verdict(
                        f"{what}: p95", store, _of(rounds, lambda it: it.p95_ms).middle, P95_MS, "ms"
                    )
            yield Verdict("memory at rest", store, self.rss_at_start_mb[store], RSS_MB, "MB")
            yield Verdict("memory after calls", store, self.rss_after_calls_mb[store], RSS_MB, "MB")
            if words := [it.first_word_s for it in self.starts[store] if it.first_word_s is not None]:
                first_word_s = Spread(tuple(words)).middle
                yield Verdict("first token after the start", store, first_word_s, FIRST_WORD_S, "s")

    def tables(self) -> str:
        """Calls by number of clients and store, then processes."""
        head = ("", "p50 ms", "(range)", "p95 ms", "(range)", "calls/s", "CPU ms", "x floor")
        blocks = [
            table(
                f"Direct calls: {store}, {_clients(crowd.clients)}, {crowd.calls} calls each",
                head,
                self._rows(store, crowd.clients),
            )
            for crowd in self.plan.crowds
            for store in self.stores
        ]
        notes = [
            "CPU ms   the server's computing per call, the sessions made for the calls included",
            "x floor  the median call over the two floors together, in the same repeat",
            f"floor    one request for a constant, and {BARE_STATEMENTS} bare statements in {TRANSACTIONS} transactions",
            "clients  one user; each client has an agent and sessions of its own, 10 messages in each",
        ]
        return "\n\n".join([*blocks, "\n".join(notes), self._processes()])

    def _rows(self, store: str, clients: int) -> Iterator[Row]:
        for measurement, words in MEASUREMENTS.items():
            place = Place(store, clients, measurement)
            rounds = self.rounds[place]
            is_floor = measurement in {HTTP, STATEMENTS}
            yield (
                words,
                *middle_and_range(_of(rounds, lambda it: it.p50_ms)),
                *middle_and_range(_of(rounds, lambda it: it.p95_ms)),
                f"{_of(rounds, lambda it: it.calls_per_s).middle:.0f}",
                "" if measurement == STATEMENTS else f"{_of(rounds, lambda it: it.cpu_ms or 0.0).middle:.2f}",
                "" if is_floor else f"{self.over_floor(place).middle:.1f}",
            )

    def _processes(self) -> str:
        head = ("", "ready s", "(range)", "first token s", "RSS at rest MB", "RSS after calls MB")
        return table("One process", head, (self._process(store) for store in self.stores))

    def _process(self, store: str) -> Row:
        starts = self.starts[store]
        words = [it.first_word_s for it in starts if it.first_word_s is not None]
        return (
            store,
            *middle_and_range(Spread(tuple(it.ready_s for it in starts))),
            f"{Spread(tuple(words)).middle:.2f}" if words else "",
            f"{self.rss_at_start_mb[store]:.0f}",
            f"{self.rss_after_calls_mb[store]:.0f}",
        )

    def readme(self) -> Iterator[str]:
        """The targets."""
        return markdown(self.verdicts())

    def record(self) -> object:
        """Every round and every start."""
        return {
            "plan": asdict(self.plan),
            "calls": [self._call(place, rounds) for place, rounds in self.rounds.items()],
            "starts": {store: [asdict(it) for it in starts] for store, starts in self.starts.items()},
            "rss_at_start_mb": self.rss_at_start_mb,
            "rss_after_calls_mb": self.rss_after_calls_mb,
        }

    def _call(self, place: Place, rounds: list[Round]) -> dict[str, object]:
        is_ours = place.measurement in {WAITING, FOLLOWING}
        return {
            **asdict(place),
            "p50_ms": [it.p50_ms for it in rounds],
            "p95_ms": [it.p95_ms for it in rounds],
            "calls_per_s": [it.calls_per_s for it in rounds],
            "server_cpu_ms": [it.cpu_ms for it in rounds],
            "over_floor": list(self.over_floor(place).values) if is_ours else None,
        }


def _of(rounds: Sequence[Round], figure: Callable[[Round], float]) -> Spread:
    return Spread(tuple(figure(it) for it in rounds))


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count} clients at once"


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


async def measure(plan: Plan, folder: Path, *, say: Say) -> Results:
    """Measure every store in turn."""
    async with stores(folder) as found:
        results = Results(plan=plan, stores=[store.name for store in found])
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

"""The hot reads, a list of 50 agents and one agent by its id, beside other servers that send the same bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import orjson

from benchmarks.account import PATH, Account, registered
from benchmarks.direct_call import cpu_s
from benchmarks.http import Connection, UnexpectedAnswer
from benchmarks.pinning import Cores
from benchmarks.report import Say, Verdict, middle_and_range, table
from benchmarks.samples import Round, Spread
from benchmarks.servers import Running, graphql_peers, running
from benchmarks.stores import MEASURED
from tests.processes import CodelabProcess

OURS = "CodeLab"
STRAWBERRY, YOGA = "Strawberry, its caches", "GraphQL Yoga"
AGENTS = 50
_FIELDS = "id name handle role version isActive"
LIST = f"query Agents($project: ID!) {{ project(id: $project) {{ agents(first: {AGENTS}) {{ nodes {{ {_FIELDS} }} }} }} }}"
ONE = f"query Agent($id: ID!) {{ agent(id: $id) {{ {_FIELDS} }} }}"
READS = {"list": f"{AGENTS} agents", "one": "one agent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to measure: rounds, clients at once, and each one's requests of either kind in a round."""

    repeats: int
    clients: int = 4
    requests: Mapping[str, int]
    warm_up: Mapping[str, int]


FULL = Plan(repeats=3, requests={"list": 75, "one": 200}, warm_up={"list": 200, "one": 500})
QUICK = Plan(repeats=1, requests={"list": 20, "one": 50}, warm_up={"list": 10, "one": 25})


@dataclass(frozen=True, slots=True)
class Server:
    """One server in the comparison, and who asks it."""

    name: str
    url: str
    pid: int
    token: str | None = None


@dataclass(slots=True)
class Reads:
    """What was measured: the rounds of each server and read."""

    servers: list[str] = field(default_factory=list)
    rounds: dict[tuple[str, str], list[Round]] = field(default_factory=dict)

    def against_ours(self, server: str, read: str) -> Spread:
        """How many times our CPU per request a server takes, in the same repeat."""
        pairs = zip(self.rounds[server, read], self.rounds[OURS, read], strict=True)
        return Spread(tuple((it.cpu_ms or 0.0) / (ours.cpu_ms or 1.0) for it, ours in pairs))

    def tables(self) -> str:
        """The figures of every server, ours first."""
        head = ("", "CPU ms", "(range)", "x ours", "p50 ms", "p99 ms", "requests/s")
        blocks = [
            table(f"{words}, the same bytes from each", head, [self._row(it, read) for it in self.servers])
            for read, words in READS.items()
        ]
        return "\n\n".join([*blocks, "CPU ms   the server's computing per request, pinned to one core"])

    def _row(self, server: str, read: str) -> Sequence[str]:
        rounds = self.rounds[server, read]
        return (
            server,
            *middle_and_range(Spread(tuple(it.cpu_ms or 0.0 for it in rounds)), digits=3),
            f"{self.against_ours(server, read).middle:.2f}",
            f"{Spread(tuple(it.p50_ms for it in rounds)).middle:.2f}",
            f"{Spread(tuple(it.p99_ms for it in rounds)).middle:.2f}",
            f"{Spread(tuple(it.calls_per_s for it in rounds)).middle:.0f}",
        )

    def verdicts(self) -> list[Verdict]:
        """CPU per request is to be below that of Strawberry with its caches, and not above Yoga's."""
        return [
            Verdict(
                f"{words}: CPU per request, share of {peer}'s",
                "SQLite",
                1 / self.against_ours(peer, read).middle,
                1.0,
                "x",
            )
            for read, words in READS.items()
            for peer in (STRAWBERRY, YOGA)
            if peer in self.servers
        ]

    def readme(self) -> Iterator[str]:
        """CPU and latency of every server."""
        yield "| server | " + " | ".join(f"{it}: CPU | p50 / p99" for it in READS.values()) + " |"
        yield "|---" * (1 + 2 * len(READS)) + "|"
        for server in self.servers:
            yield f"| {server} | " + " | ".join(self._cells(server, read) for read in READS) + " |"

    def _cells(self, server: str, read: str) -> str:
        rounds = self.rounds[server, read]
        cpu_ms = Spread(tuple(it.cpu_ms or 0.0 for it in rounds)).middle
        p50_ms = Spread(tuple(it.p50_ms for it in rounds)).middle
        p99_ms = Spread(tuple(it.p99_ms for it in rounds)).middle
        times = self.against_ours(server, read).middle
        return f"{cpu_ms:.2f} ms ({times:.2f} x ours) | {p50_ms:.1f} / {p99_ms:.1f} ms"

    def record(self) -> object:
        """Every round."""
        return [
            {
                "server": server,
                "read": read,
                "cpu_ms": [it.cpu_ms for it in rounds],
                "p50_ms": [it.p50_ms for it in rounds],
                "p99_ms": [it.p99_ms for it in rounds],
                "x_ours": list(self.against_ours(server, read).values),
            }
            for (server, read), rounds in self.rounds.items()
        ]


async def measure(plan: Plan, folder: Path, *, say: Say) -> Reads:
    """Measure each server in turn, as often as planned.

    Raises:
        UnexpectedAnswer: a server sends other bytes than ours.
    """
    cores, results = Cores(), Reads()
    async with AsyncExitStack() as stack:
        say("starting servers that read")
        ours = await stack.enter_async_context(CodelabProcess(folder / "reads", settings=MEASURED))
        account = await registered(ours.url, agents=AGENTS)
        requests, data = await _requests(account)
        environment = {"BENCHMARK_DATA": str(_written(data, folder))}
        servers = [Server(OURS, ours.url, ours.process.pid, account.token)]
        for peer in graphql_peers():
            up = running(peer, folder, ask=requests["one"], settings=environment)
            started: Running = await stack.enter_async_context(up)
            servers.append(Server(started.name, started.url, started.pid))
        results.servers = [it.name for it in servers]
        stack.enter_context(cores.load())
        for server in servers:
            cores.pin(server.pid)
            await _check(server, requests, servers[0])
            await _warm_up(server, requests, plan)
        for repeat in range(plan.repeats):
            say(f"reading ({repeat + 1} of {plan.repeats})")
            for read, request in requests.items():
                for server in servers:
                    done = await _round(server, request, plan.clients, plan.requests[read])
                    results.rounds.setdefault((server.name, read), []).append(done)
    return results


async def _requests(account: Account) -> tuple[dict[str, bytes], dict[str, object]]:
    """The two bodies, and what the peers have to know to answer them."""
    both = {"list": _body(LIST, project=account.project_id)}
    async with account.connection() as connection:
        answer = orjson.loads(await connection.post(PATH, both["list"]))
    agents = cast("list[dict[str, object]]", answer["data"]["project"]["agents"]["nodes"])
    if len(agents) != AGENTS:
        raise UnexpectedAnswer(f"{len(agents)} agents")
    both["one"] = _body(ONE, id=agents[AGENTS // 2]["id"])
    return both, {"project": account.project_id, "agents": agents}


def _body(query: str, **variables: object) -> bytes:
    return orjson.dumps({"query": query, "variables": variables})


def _written(data: object, folder: Path) -> Path:
    path = folder / "agents.json"
    path.write_bytes(orjson.dumps(data))
    return path


async def _check(server: Server, requests: Mapping[str, bytes], ours: Server) -> None:
    """See that both send the same data, byte for byte once keys are sorted."""
    for request in requests.values():
        theirs, expected = [await _data(it, request) for it in (server, ours)]
        if theirs != expected:
            raise UnexpectedAnswer(f"{server.name} sends {theirs[:200]!r}")


async def _data(server: Server, request: bytes) -> bytes:
    async with Connection(server.url, token=server.token) as connection:
        answer = orjson.loads(await connection.post(PATH, request))
    return orjson.dumps(answer["data"], option=orjson.OPT_SORT_KEYS)


async def _warm_up(server: Server, requests: Mapping[str, bytes], plan: Plan) -> None:
    for read, request in requests.items():
        await _round(server, request, plan.clients, plan.warm_up[read])


async def _round(server: Server, request: bytes, clients: int, calls: int) -> Round:
    before, began = cpu_s(server.pid), time.perf_counter()
    each = await asyncio.gather(*(_client(server, request, calls) for _ in range(clients)))
    elapsed_s, spent_s = time.perf_counter() - began, cpu_s(server.pid) - before
    return Round(durations_s=tuple(it for one in each for it in one), elapsed_s=elapsed_s, cpu_s=spent_s)


async def _client(server: Server, request: bytes, calls: int) -> list[float]:
    durations = []
    async with Connection(server.url, token=server.token) as connection:
        for _ in range(calls):
            began = time.perf_counter()
            await connection.post(PATH, request)
            durations.append(time.perf_counter() - began)
    return durations

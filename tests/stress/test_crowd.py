"""A crowd sends, stops, edits and deletes at random while workers come, go and fail: every bound and every book holds."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from broadcaster import Broadcast

from domain.agents.entities import WAITING_LIMIT
from domain.conversations.send import NewMessageInput
from domain.errors import NotFound
from persistence.memory.hints import MemoryHints
from persistence.memory.live import MemoryLive
from persistence.postgres import PostgresDatabase
from persistence.sqlite import SqliteDatabase
from tests.launchers.postgres import PostgresServer
from tests.stress.bench import Bench, chances, new_id, open_bench
from tests.stress.books import FILLED, Books, History, keep_history, summary
from tests.stress.conftest import Watched
from tests.stress.crowd import Member, settle
from tests.stress.scripted import ScriptedModel, Temper, answer_to

REPLACED_EVERY_S = 1.5
REST_S = 60


@dataclass
class Town:
    """Several processes over one database, each of which may be replaced by a new one at any time."""

    databases: list[SqliteDatabase | PostgresDatabase]
    models: list[ScriptedModel]
    benches: list[Bench] = field(default_factory=list)
    stacks: list[AsyncExitStack] = field(default_factory=list)

    async def move_in(self, live: MemoryLive, hints: MemoryHints, *, at: int) -> None:
        """Start a process in this place; what was there before is stopped in order."""
        stack = AsyncExitStack()
        bench = await stack.enter_async_context(
            open_bench(self.databases[at], live=live, hints=hints, models=self.models[at])
        )
        if at < len(self.benches):
            before, self.stacks[at], self.benches[at] = self.stacks[at], stack, bench
            await before.aclose()
        else:
            self.benches.append(bench)
            self.stacks.append(stack)

    async def close(self) -> None:
        for stack in self.stacks:
            await stack.aclose()
        for database in self.databases:
            await database.close()


@asynccontextmanager
async def town(
    databases: list[SqliteDatabase | PostgresDatabase], *, seed: int
) -> AsyncIterator[tuple[Town, MemoryLive, MemoryHints]]:
    async with Broadcast("memory://") as broadcast:
        live = MemoryLive(broadcast, monotonic_s=time.monotonic)
        hints = MemoryHints(broadcast)
        models = [ScriptedModel(chances(seed + at), Temper(pause_s=0.3)) for at in range(len(databases))]
        there = Town(databases, models)
        try:
            for at in range(len(databases)):
                await there.move_in(live, hints, at=at)
            yield there, live, hints
        finally:
            await there.close()


@dataclass
class Samples:
    """What was seen from outside meanwhile."""

    models: list[ScriptedModel]
    taken: int = 0
    bound_met: bool = False
    wrong: list[str] = field(default_factory=list)

    async def take(self, books: Books) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.wrong += await books.wrong()
            self.taken += 1
            if not self.bound_met and await books.number(FILLED):
                self.bound_met = True
                _calm(self.models, Temper())
            await asyncio.sleep(0.03)


async def rush(
    watched: Watched,
    databases: list[SqliteDatabase | PostgresDatabase],
    *,
    people: int,
    members: int,
    seconds: float,
    seed: int,
    to_the_bound: bool = False,
) -> History:
    """Let the crowd in, wait until all is answered, and compare the books.

    The models are slow until an admission fills a queue for the first time; with `to_the_bound` the crowd stays
    until then. Work that a lost worker gives back may fill a queue too, and does not count.
    """
    books, chance = watched.books, chances(seed)
    async with town(databases, seed=seed) as (there, live, hints):
        samples = Samples(there.models)

        def anywhere() -> Bench:
            return chance.choice(there.benches)

        residents = [await settle(anywhere()) for _ in range(people)]
        await keep_history(books)
        crowd = [
            Member(residents[i % people], process=anywhere, books=books, chance=chances(seed * 1000 + i))
            for i in range(members)
        ]
        ends_at = time.monotonic() + seconds

        async def be_there(member: Member) -> None:
            while time.monotonic() < ends_at or (to_the_bound and not samples.bound_met):
                await member.act()

        async def replace() -> None:
            while True:
                await asyncio.sleep(REPLACED_EVERY_S)
                await there.move_in(live, hints, at=chance.randrange(len(databases)))

        async with asyncio.TaskGroup() as group:
            others = [group.create_task(samples.take(books)), group.create_task(replace())]
            async with asyncio.TaskGroup() as everybody:
                for member in crowd:
                    everybody.create_task(be_there(member))
            _calm(there.models, Temper(pause_s=0.001))
            rest_s = await at_rest(books)
            for other in others:
                other.cancel()

        counts = sum((member.counts for member in crowd), Counter[str]())
        history = await History.read(books)
        figures = {
            "acts": counts.total(),
            "counter changes": history.changes,
            "samples": samples.taken,
            "most waiting": history.most_waiting,
            "most running": history.most_running,
            "at the bound": history.at_the_bound,
            "at the limit": history.at_the_limit,
            "model calls": sum(model.calls["begun"] for model in there.models),
            "rest s": round(rest_s, 1),
        }
        sys.stdout.write(f"\n{figures} {summary(counts)}\n")
    assert samples.wrong == []
    assert history.wrong == []
    assert await books.wrong_at_rest() == []
    assert await untrue_answers(books) == []
    assert counts["send: Unavailable"] < counts["send"] / 50
    return history


def _calm(models: list[ScriptedModel], temper: Temper) -> None:
    for model in models:
        model.temper = temper


async def at_rest(books: Books) -> float:
    """Wait until nothing is open any more; the seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(REST_S):
        while await books.number("SELECT count(*) FROM tasks WHERE status IN ('QUEUED', 'RUNNING')"):
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def untrue_answers(books: Books) -> list[str]:
    """Complete answers that are not the whole answer to their question, and partial ones that are no part of it."""
    rows = await books.rows(
        "SELECT q.content, a.content, a.status FROM messages a"
        " JOIN messages q ON q.user_id = a.user_id AND q.id = a.parent_id WHERE a.author = 'AGENT'"
    )
    return [
        f"{status}: {answer!r} to {question!r}"
        for question, answer, status in rows
        if not (
            answer == answer_to(question) or (status != "COMPLETE" and answer_to(question).startswith(answer))
        )
    ]


def complaints(log: str) -> list[str]:
    """Errors in PostgreSQL's log, deadlocks and locks that were not had in time among them.

    A statement that is cancelled is a worker's that was told to stop.
    """
    errors = [line for line in log.splitlines() if re.search(r"\b(ERROR|FATAL|PANIC):", line)]
    return [line for line in errors if "canceling statement due to user request" not in line]


@pytest.mark.postgres
@pytest.mark.slow
async def test_thirty_at_once_break_no_bound_on_postgres(
    watched_postgres: Watched, postgres_server: PostgresServer, *, soak: bool
) -> None:
    logged = len(postgres_server.log())
    databases = [watched_postgres.open() for _ in range(3)]

    history = await rush(
        watched_postgres,
        databases,
        people=3,
        members=30,
        seconds=600 if soak else 8,
        seed=1,
        to_the_bound=True,
    )

    assert complaints(postgres_server.log()[logged:]) == []
    assert history.most_waiting >= WAITING_LIMIT
    assert history.at_the_bound > 0
    assert history.at_the_limit > 0


@pytest.mark.postgres
async def test_nothing_stays_open_in_a_session_that_is_deleted_while_messages_come_in(
    watched_postgres: Watched,
) -> None:
    databases = [watched_postgres.open() for _ in range(2)]
    async with town(databases, seed=3) as (there, _, _):
        person = await settle(there.benches[0])

        async def send(bench: Bench, session_id: UUID) -> None:
            new = NewMessageInput("question", str(new_id()), target=person.agents[0])
            with contextlib.suppress(NotFound):
                await bench.send.message(bench.scopes.open(person.user_id), session_id, new)

        async def delete(bench: Bench, session_id: UUID) -> None:
            await bench.sessions.delete(bench.scopes.open(person.user_id), session_id)

        for session_id in person.sessions:
            async with asyncio.TaskGroup() as group:
                for number in range(8):
                    act = delete if number == 4 else send
                    group.create_task(act(there.benches[number % 2], session_id))

        assert await watched_postgres.books.wrong() == []


@pytest.mark.slow
async def test_eight_at_once_break_no_bound_on_sqlite(watched_sqlite: Watched, *, soak: bool) -> None:
    databases = [watched_sqlite.open()]

    history = await rush(watched_sqlite, databases, people=1, members=8, seconds=300 if soak else 6, seed=2)

    assert history.at_the_limit > 0

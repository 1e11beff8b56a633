"""After anything in any order, the counters are what a recount finds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from domain.agents.delete import delete_agent
from domain.agents.finish import Outcome, finish
from domain.bus.claim import NotReady, claim
from domain.bus.close import close_task
from domain.bus.ports import ClaimLost
from domain.bus.recover import take_back
from domain.conversations.begin import Begin, Begun
from domain.conversations.send import NewMessageInput, Send
from domain.errors import CodeLabError
from domain.models.entities import ModelFinished, ModelUsage
from domain.tasks.entities import Claim
from persistence.sqlite import SqliteDatabase
from tests.stress.books import ALWAYS, AT_REST, Books, SqliteBooks, postgres_books
from tests.worlds import Owner, World

LEASE_S = 15.0

NEVER: Mapping[str, str] = {
    **ALWAYS,
    "a log has gaps": AT_REST["a log has gaps"],
    "an answer is being written by nobody": """
        SELECT m.id FROM messages m WHERE m.status = 'STREAMING' AND NOT EXISTS (SELECT 1 FROM tasks t
        WHERE t.user_id = m.user_id AND t.answer_id = m.id AND t.status IN ('QUEUED', 'RUNNING'))""",
    "a head is no message of its session": """
        SELECT s.id, s.head_id FROM sessions s WHERE s.head_id IS NOT NULL AND NOT EXISTS (SELECT 1
        FROM messages m WHERE m.user_id = s.user_id AND m.session_id = s.id AND m.id = s.head_id)""",
}


class Chance:
    """Does something to one owner's conversations, by chance; also the worker, as admission sees it."""

    lease_s = LEASE_S

    def __init__(self, world: World, owner: Owner, seed: int) -> None:
        self.world = world
        self.owner = owner
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.worker_id = world.new_id()
        self.agents = list(owner.agents.values())
        self.sessions: list[UUID] = []
        self.begun: list[Begun] = []
        self.claims: list[Claim] = []
        self._send = Send(begin=Begin(new_id=world.new_id, labour=self), labour=self)
        self._acts: Mapping[Callable[[], Awaitable[object]], int] = {
            self.open_session: 4,
            self.say: 30,
            self.edit: 5,
            self.retry: 5,
            self.stop: 8,
            self.delete_message: 3,
            self.delete_session: 1,
            self.delete_agent: 1,
            self.claim: 25,
            self.succeed: 20,
            self.fail: 6,
            self.checkpoint: 4,
            self.lose_workers: 2,
            self.hand_back: 4,
        }

    @property
    def accepts(self) -> bool:
        return self.random.random() < 0.5

    def start(self, claim: Claim) -> None:
        self.claims.append(claim)

    async def act(self) -> None:
        """One thing, which may be refused."""
        (act,) = self.random.choices(list(self._acts), list(self._acts.values()))
        name = getattr(act, "__name__", "")
        try:
            await act()
            self.done[name] += 1
        except (IndexError, KeyError, NotReady):
            self.done[f"{name}: nothing to do"] += 1
        except (CodeLabError, ClaimLost) as refusal:
            self.done[f"{name}: {type(refusal).__name__}"] += 1

    async def open_session(self) -> None:
        self.sessions.append(await self.world.session(self.owner))

    async def say(self) -> None:
        session_id, chance = self.random.choice(self.sessions), self.random
        known = [it for it in self.begun if it.session_id == session_id]
        parent_id = None
        if known and chance.random() < 0.3:
            parent_id = (await self.world.run_of(self.owner, chance.choice(known))).answer_id
        new = NewMessageInput(
            "Hi", f"k{chance.randrange(10_000)}", target=chance.choice(self.agents), parent_id=parent_id
        )
        self.begun.append(await self._send.message(self.world.scope(self.owner), session_id, new))

    async def edit(self) -> None:
        question_id = self.random.choice(self.begun).question_id
        scope, key = self.world.scope(self.owner), f"k{self.random.randrange(10_000)}"
        self.begun.append(await self._send.edited(scope, question_id, "Ho", key))

    async def retry(self) -> None:
        run_id = self.random.choice(self.begun).run_id
        scope, key = self.world.scope(self.owner), f"k{self.random.randrange(10_000)}"
        self.begun.append(await self._send.retried(scope, run_id, key))

    async def stop(self) -> None:
        await self.world.stop(self.world.scope(self.owner), self.random.choice(self.begun).run_id)

    async def delete_message(self) -> None:
        question_id = self.random.choice(self.begun).question_id
        await self.world.delete_message(self.world.scope(self.owner), question_id)

    async def delete_session(self) -> None:
        session_id = self.random.choice(self.sessions[:-1])  # the newest one stays
        await self.world.sessions.delete(self.world.scope(self.owner), session_id)
        self.sessions.remove(session_id)

    async def delete_agent(self) -> None:
        if len(self.agents) > 2:
            cancel = partial(close_task, problem="Gone.")
            agent_id = self.random.choice(self.agents)
            await delete_agent(self.world.scope(self.owner), agent_id, cancel=cancel)
            self.agents.remove(agent_id)

    async def claim(self) -> None:
        for key in await self.world.queue.ready(limit=3):
            act = partial(claim, key=key, worker_id=self.worker_id, lease_s=LEASE_S)
            if claimed := await self.world.scope(self.owner).write(act):
                self.claims.append(claimed)

    async def succeed(self) -> None:
        await self._end(problem=None)

    async def fail(self) -> None:
        await self._end(problem="The model is down.")

    async def _end(self, *, problem: str | None) -> None:
        claimed = self.random.choice(self.claims)
        self.claims.remove(claimed)
        last = None if problem else ModelFinished("m", "stop", ModelUsage(1, 2), 3, True, ())
        outcome = Outcome("Text", last, problem, 0.5)
        new_id = self.world.new_id
        act = partial(finish, claim=claimed, outcome=outcome, usage_id=new_id(), memory_id=new_id())
        await self.world.scope(self.owner).write(act)

    async def checkpoint(self) -> None:
        it = self.random.choice(self.claims)
        await self.world.write(
            self.owner,
            lambda p: p.messages.checkpoint(it.answer_id, generation=it.generation, content="So far"),
        )

    async def lose_workers(self) -> None:
        await self.world.stored.pass_time(LEASE_S + 1)
        for key in await self.world.queue.abandoned(limit=100):
            await self.world.scope(self.owner).write(partial(take_back, key=key))

    async def hand_back(self) -> None:
        key = self.random.choice(self.claims).task
        await self.world.scope(self.owner).write(partial(take_back, key=key, worker_id=self.worker_id))

    async def end_everything(self) -> None:
        """Answer what is open."""
        while await self.world.queue.queue_depth() != (0, 0):
            while self.claims:
                with suppress(ClaimLost):
                    await self._end(problem=None)
            with suppress(NotReady):
                await self.claim()


@asynccontextmanager
async def books_of(world: World) -> AsyncIterator[Books]:
    """The same database, seen from outside."""
    stored = world.stored
    if stored.server is not None:
        async with postgres_books(stored.server.url(stored.name, driver="")) as books:
            yield books
    else:
        assert isinstance(stored.database, SqliteDatabase)
        yield SqliteBooks(Path(stored.database.engines[0].url.database or ""))


@pytest.mark.parametrize("seed", range(3))
async def test_counters_logs_and_states_agree_after_anything_in_any_order(world: World, seed: int) -> None:
    owner = await world.owner("a", "b", "c", "d", limit=2)
    chance = Chance(world, owner, seed)
    steps = 80 if world.stored.server else 400

    async with books_of(world) as books:
        for step in range(steps):
            await chance.act()
            if step % 10 == 0:
                assert await books.wrong(NEVER) == [], chance.done
        assert await books.wrong(NEVER) == [], chance.done
        await chance.end_everything()
        assert await books.wrong_at_rest() == [], chance.done
        assert await books.wrong(NEVER) == []
    assert chance.done["succeed"] > steps / 50, chance.done

"""The owner's doorway: what a transaction says is heard after its commit, once, and never after a roll-back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import asyncpg
import pytest
import sqlalchemy as sa

from domain.errors import Unavailable
from domain.events.kinds import SessionRenamed
from domain.scopes import HintCommitted, UserTx
from persistence import postgres
from tests.persistence.databases import Stored
from tests.worlds import Owner, World, emptied, opened

T = TypeVar("T")


async def test_what_is_announced_is_heard_in_order_after_the_commit(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.forget()
    heard_inside: list[int] = []

    def work(tx: UserTx) -> str:
        p = tx.project(owner.project_id)
        tx.announce(HintCommitted("one", {"n": 1}))
        p.events.append(session_id, SessionRenamed("New"))
        p.announce(HintCommitted("two", {"n": 2}))
        heard_inside.append(len(world.hints.sent) + len(world.live.published))
        return "result"

    assert await world.scope(owner).write(work) == "result"

    assert heard_inside == [0]
    assert world.hints.sent == [("one", {"n": 1}), ("two", {"n": 2})]
    ((key, facts),) = world.live.published
    assert (key.user_id, key.session_id) == (owner.user_id, session_id)
    assert list(facts) == await world.facts(owner, session_id)


async def test_a_transaction_that_is_rolled_back_announces_nothing(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.forget()

    def work(tx: UserTx) -> None:
        tx.announce(HintCommitted("one", {}))
        tx.project(owner.project_id).events.append(session_id, SessionRenamed("New"))
        raise KeyError("on second thoughts")

    with pytest.raises(KeyError):
        await world.scope(owner).write(work)

    assert (world.hints.sent, world.live.published) == ([], [])
    assert await world.facts(owner, session_id) == []


async def test_reads_see_one_snapshot_until_the_next_write(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    scope = world.scope(owner)

    async def seq() -> int:
        session = await scope.read(lambda tx: tx.projects.session(session_id))
        assert session is not None
        return session.seq

    async def seq_now() -> int:
        return (await scope.read_once(lambda tx: tx.projects.session(session_id))).seq  # type: ignore[union-attr]  # it is there

    assert await seq() == 0
    await world.sessions.rename(world.scope(owner), session_id, "Another request")
    assert (await seq(), await seq_now()) == (0, 1)
    await scope.write(lambda tx: None)
    assert await seq() == 1
    await world.sessions.rename(world.scope(owner), session_id, "Another request")
    await scope.aclose()
    assert await seq() == 2
    await scope.aclose()
    await scope.aclose()
    assert world.connections_held() == 0


async def test_a_doorway_knows_whose_it_is(world: World) -> None:
    owner = await world.owner()

    assert world.scope(owner).user_id == owner.user_id
    assert await world.read(owner, lambda p: (p.user_id, p.project_id)) == (owner.user_id, owner.project_id)


class Losing:
    """Work that loses against another transaction a number of times, after everything else is done."""

    def __init__(
        self,
        owner: Owner,
        session_id: object,
        *,
        times: int,
        error: type[Exception] = asyncpg.SerializationError,
    ) -> None:
        self.runs = 0
        self._owner = owner
        self._session_id = session_id
        self._times = times
        self._error = error

    def __call__(self, tx: UserTx) -> int:
        self.runs += 1
        tx.announce(HintCommitted("attempt", {"n": self.runs}))
        tx.project(self._owner.project_id).events.append(self._session_id, SessionRenamed(str(self.runs)))  # type: ignore[arg-type]  # a session's id
        if self.runs <= self._times:
            raise self._error("lost")
        return self.runs


@pytest.mark.postgres
@pytest.mark.parametrize("error", [asyncpg.SerializationError, asyncpg.DeadlockDetectedError])
async def test_a_transaction_that_lost_runs_again_and_is_announced_once(
    kept_postgres: Stored, error: type[Exception]
) -> None:
    async with opened(await emptied(kept_postgres)) as world:
        owner = await world.owner()
        session_id = await world.session(owner)
        world.forget()

        runs = await world.scope(owner).write(Losing(owner, session_id, times=2, error=error))

        assert runs == 3
        assert world.hints.sent == [("attempt", {"n": 3})]
        assert [fact.body for fact in await world.facts(owner, session_id)] == [SessionRenamed("3")]
        assert len(world.live.published) == 1


@pytest.mark.postgres
async def test_a_transaction_that_always_loses_says_that_the_database_is_busy(kept_postgres: Stored) -> None:
    async with opened(await emptied(kept_postgres)) as world:
        owner = await world.owner()
        session_id = await world.session(owner)
        world.forget()

        with pytest.raises(Unavailable, match="busy"):
            await world.scope(owner).write(Losing(owner, session_id, times=postgres.ATTEMPTS))

        assert (world.hints.sent, world.live.published) == ([], [])


@pytest.mark.postgres
async def test_two_transactions_that_lock_crosswise_both_succeed(kept_postgres: Stored) -> None:
    async with opened(await emptied(kept_postgres)) as world:
        owner = await world.owner()
        one, two = await world.session(owner), await world.session(owner)
        world.forget()
        first_locks = [asyncio.Event(), asyncio.Event()]

        def crosswise(mine: int) -> Callable[[UserTx], None]:
            def work(tx: UserTx) -> None:
                p = tx.project(owner.project_id)
                order = [one, two] if mine == 0 else [two, one]
                p.events.append(order[0], SessionRenamed("first"))
                first_locks[mine].set()
                sa.util.await_only(_waited(first_locks[1 - mine]))
                p.events.append(order[1], SessionRenamed("second"))

            return work

        async with asyncio.TaskGroup() as group:
            for mine in range(2):
                group.create_task(world.scope(owner).write(crosswise(mine)))

        for session_id in (one, two):
            assert len(await world.facts(owner, session_id)) == 2
        assert sum(len(facts) for _, facts in world.live.published) == 4


async def _waited(event: asyncio.Event) -> None:
    """The other one may have lost and begun again, with its event set for good."""
    async with asyncio.timeout(60):
        await event.wait()

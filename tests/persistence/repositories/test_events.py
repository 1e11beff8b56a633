"""Logs: every number once and in order, however many write; and what readers find of them."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from domain.conversations.entities import AgentRef, RunMode
from domain.conversations.ports import Advance
from domain.events.kinds import Fact, FactBody, HeadMoved, RunStarted, SessionRenamed
from domain.events.live import SessionKey
from domain.events.log import LogHead
from tests.persistence.people import together
from tests.worlds import Owner, World

WRITERS = 30


async def append(
    world: World, owner: Owner, session_id: UUID, *bodies: FactBody, advance: Advance | None = None
) -> bool:
    appended = await world.write(owner, lambda p: p.events.append(session_id, *bodies, advance=advance))
    return appended is not None


async def test_facts_are_numbered_without_a_gap_and_read_as_they_were_written(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    agent = AgentRef(world.new_id(), "Кодер", "coder", 2)
    bodies: list[FactBody] = [
        SessionRenamed("Один"),
        RunStarted(world.new_id(), RunMode.AUTO, agent, 0.5, "why"),
        HeadMoved(world.new_id()),
    ]

    assert await append(world, owner, session_id, *bodies[:2])
    assert await append(world, owner, session_id, bodies[2])

    facts = await world.facts(owner, session_id)
    assert [fact.body for fact in facts] == bodies
    assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)
    assert facts[0].at == facts[1].at
    assert (await world.session_now(owner, session_id)).updated_at == facts[-1].at


async def test_thirty_writers_at_once_leave_no_gap_and_announce_what_they_wrote(world: World) -> None:
    owner = await world.owner()
    session_id, other_id = await world.session(owner), await world.session(owner)
    world.forget()

    async def write(number: int) -> None:
        for round_ in range(4):
            bodies = [SessionRenamed(f"{number}.{round_}.{part}") for part in range(1 + number % 3)]
            await append(world, owner, session_id, *bodies)
            await append(world, owner, other_id, *bodies)

    await together(write(number) for number in range(WRITERS))

    for each in (session_id, other_id):
        facts = await world.facts(owner, each)
        assert len(facts) == 4 * sum(1 + number % 3 for number in range(WRITERS))
        assert (await world.session_now(owner, each)).seq == len(facts)
        published = [fact for key, told in world.live.published if key.session_id == each for fact in told]
        assert sorted(published, key=lambda fact: fact.seq) == facts


async def test_a_log_that_is_gone_takes_no_facts(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()
    session_id = await world.session(owner)
    await world.sessions.delete(world.scope(owner), session_id)
    other_id = await world.session(owner)
    world.forget()

    assert not await append(world, owner, session_id, SessionRenamed("too late"))
    assert not await append(world, owner, world.new_id(), SessionRenamed("nowhere"))
    assert not await append(world, stranger, other_id, SessionRenamed("mine"))
    assert not await append(world, await world.project(owner), other_id, SessionRenamed("mine"))

    assert await world.facts(owner, other_id) == []
    assert world.live.published == []


async def test_readers_find_the_facts_after_a_position_up_to_a_number(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    await append(world, owner, session_id, *(SessionRenamed(str(n)) for n in range(1, 11)))
    key = SessionKey(owner.user_id, session_id)

    async def numbers(after: int, limit: int) -> list[int]:
        return [fact.seq for fact in await world.log.facts(key, after=after, limit=limit)]

    assert await numbers(0, 3) == [1, 2, 3]
    assert await numbers(7, 100) == [8, 9, 10]
    assert await numbers(10, 100) == []
    assert await numbers(0, 0) == []


async def test_readers_find_where_a_log_ends(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    key = SessionKey(owner.user_id, session_id)
    assert await world.log.head(key) == LogHead(0, 1, active_runs=False)

    await append(world, owner, session_id, SessionRenamed("One"), advance=Advance(1, active_runs=2))
    assert await world.log.head(key) == LogHead(1, 1, active_runs=True)

    await world.sessions.delete(world.scope(owner), session_id)
    assert await world.log.head(key) is None
    assert len(await world.log.facts(key, after=0, limit=10)) == 2, "whoever was there reads the end"


async def test_readers_find_no_log_of_a_deleted_project_or_of_somebody_else(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()
    session_id = await world.session(owner)
    await append(world, owner, session_id, SessionRenamed("One"))

    assert await world.log.head(SessionKey(stranger.user_id, session_id)) is None
    assert await world.log.facts(SessionKey(stranger.user_id, session_id), after=0, limit=10) == []
    await world.scope(owner).write(lambda tx: tx.projects.bury(owner.project_id))
    assert await world.log.head(SessionKey(owner.user_id, session_id)) is None


@pytest.mark.parametrize("count", [1, 7])
async def test_an_advance_makes_room_for_exactly_its_facts(world: World, count: int) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    bodies = [SessionRenamed(str(number)) for number in range(count)]

    await append(world, owner, session_id, *bodies, advance=replace(Advance(count), title="New"))

    facts = await world.facts(owner, session_id)
    assert facts == [Fact(n, facts[0].at, body) for n, body in enumerate(bodies, start=1)]

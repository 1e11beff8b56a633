"""What was deleted or has outlived its time disappears bit by bit, and nothing beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import pytest
import sqlalchemy as sa

from domain.conversations.ports import Advance
from domain.events.kinds import SessionRenamed
from domain.events.live import SessionKey
from domain.events.log import LogHead
from domain.pages import PageRequest
from persistence import purge
from persistence.purge import Purge
from persistence.tables import tables_with_owner
from tests.persistence.people import executed
from tests.trees import Tree
from tests.worlds import Owner, World

DAY_S = 86_400.0


async def rows(world: World, owner: Owner) -> Counter[str]:
    """How many rows of each table are the owner's."""

    def work(connection: sa.Connection) -> Counter[str]:
        tables = tables_with_owner()
        count = sa.func.count()
        return Counter(
            {
                table.name: connection.execute(
                    sa.select(count).select_from(table).where(table.c.user_id == owner.user_id)
                ).scalar_one()
                for table in tables
            }
        )

    return +await world.database.read(work, user_id=owner.user_id)


async def busy_session(world: World, owner: Owner) -> UUID:
    """A session with everything that one can have."""
    session_id = await world.session(owner)
    begun = await world.asked(owner, session_id, "One")
    await world.asked(owner, session_id, "Two")
    await world.send.edited(world.scope(owner), begun.question_id, "Eins", str(world.new_id()))
    await world.idle()
    return session_id


async def purged(world: World) -> list[int]:
    """What each round removed, until nothing was left."""
    chore, removed = Purge(world.database, world.queue), [1]
    while removed[-1]:
        removed.append(await chore.buried())
    return removed[1:-1]


async def bury_session(world: World, owner: Owner, session_id: UUID) -> None:
    await world.sessions.delete(world.scope(owner), session_id)


async def test_a_deleted_session_disappears_and_its_neighbours_stay(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()
    kept = await busy_session(world, owner)
    before, theirs = await rows(world, owner), await rows(world, stranger)
    gone = await busy_session(world, owner)
    await bury_session(world, owner, gone)

    assert len(await purged(world)) == 1

    left = await rows(world, owner)
    assert left - before == Counter(usage=3), "what was paid is kept"
    assert before - left == Counter()
    assert await rows(world, stranger) == theirs
    assert len(await world.facts(owner, kept)) == 19
    assert await world.facts(owner, gone) == []


async def test_a_deleted_agent_disappears_and_its_messages_stay(world: World) -> None:
    owner = await world.owner("coder", "writer")
    session_id = await world.session(owner)
    begun = await world.asked(owner, session_id, "@coder one")
    await world.asked(owner, session_id, "@writer two")
    before = await rows(world, owner)
    await world.write(owner, lambda p: p.agents.bury(owner.agents["coder"]))

    await purged(world)

    left = await rows(world, owner)
    assert before - left == Counter(agents=1, agent_versions=1, agent_slots=1, tasks=1, steps=1, memories=1)
    answer = await world.answer_to(owner, begun)
    assert answer.agent is not None
    assert (answer.content, answer.agent.handle) == ("Answer to: one", "coder")
    assert len(await world.facts(owner, session_id)) == 12


async def test_a_deleted_project_disappears_and_its_neighbours_stay(world: World) -> None:
    owner = await world.owner("coder", "writer")
    neighbour, stranger = await world.project(owner), await world.owner()
    for each in (neighbour, stranger):
        await busy_session(world, each)
    await world.indexed()
    kept, theirs = await rows(world, owner), await rows(world, stranger)
    for _ in range(2):
        await busy_session(world, owner)
    await world.scope(owner).write(lambda tx: tx.projects.bury(owner.project_id))
    await world.indexed()

    await purged(world)

    left = await rows(world, owner)
    assert kept - left == Counter(projects=1, agents=2, agent_versions=2, agent_slots=2)
    assert left - kept == Counter()
    assert await rows(world, stranger) == theirs


async def test_what_is_not_deleted_is_not_purged(world: World) -> None:
    owner = await world.owner()
    await busy_session(world, owner)
    before = await rows(world, owner)

    assert await purged(world) == []

    assert await rows(world, owner) == before


async def test_batches_are_small_children_go_first_and_a_round_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "ROUND", 700)
    owner = await world.owner()
    tree = await Tree.plant(world, owner)
    await tree.grow(*map(str, range(1_200)))
    await bury_session(world, owner, tree.session_id)

    removed = await purged(world)

    assert sum(removed) == 1_200 + 1 + 1, "the messages, the last fact and the session"
    assert max(removed) <= 700 + purge.BATCH
    assert len(removed) >= 2
    assert set(await rows(world, owner)) == {"users", "projects", "agents", "agent_versions", "agent_slots"}


async def test_a_round_of_a_project_ends_too_and_the_next_one_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "ROUND", 20)
    owner = await world.owner()
    for _ in range(3):
        tree = await Tree.plant(world, owner)
        await tree.grow(*map(str, range(15)))
    await world.scope(owner).write(lambda tx: tx.projects.bury(owner.project_id))

    removed = await purged(world)

    assert len(removed) >= 3
    assert await rows(world, owner) == Counter(users=1)


async def test_old_facts_are_forgotten_and_the_log_says_where_it_begins(world: World) -> None:
    owner = await world.owner()
    session_id, other_id, untouched = [await world.session(owner) for _ in range(3)]
    for each in (session_id, other_id):
        await rename(world, owner, each, 3)
    await world.stored.pass_time(2 * DAY_S)
    await rename(world, owner, session_id, 2)
    chore = Purge(world.database, world.queue)

    assert await chore.outlived(older_than_s=DAY_S) == 6
    assert await chore.outlived(older_than_s=DAY_S) == 0

    assert await numbers(world, owner, session_id) == [4, 5]
    assert await head(world, owner, session_id) == LogHead(5, 4, active_runs=False)
    assert await numbers(world, owner, other_id) == []
    assert await head(world, owner, other_id) == LogHead(3, 4, active_runs=False)
    assert await head(world, owner, untouched) == LogHead(0, 1, active_runs=False)
    await rename(world, owner, other_id, 1)
    assert await numbers(world, owner, other_id) == [4]


async def test_forgetting_is_done_in_batches_from_the_oldest_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    await rename(world, owner, session_id, purge.BATCH + 10)
    await world.stored.pass_time(2 * DAY_S)
    chore = Purge(world.database, world.queue)

    assert await chore.outlived(older_than_s=DAY_S) == purge.BATCH
    assert (await numbers(world, owner, session_id))[0] == purge.BATCH + 1
    assert (await head(world, owner, session_id)).oldest_seq == purge.BATCH + 1
    assert await chore.outlived(older_than_s=DAY_S) == 10


async def test_a_purge_that_finds_nothing_reads_and_writes_nothing_else(world: World) -> None:
    await world.owner()
    chore = Purge(world.database, world.queue)

    with executed(world.database) as statements:
        assert await chore.buried() == 0
        assert await chore.outlived(older_than_s=DAY_S) == 0

    assert all(statement.lstrip().startswith("SELECT") for statement in statements)
    assert len(statements) == 4


async def test_a_deleted_session_in_a_list_of_many_leaves_the_others_listed(world: World) -> None:
    owner = await world.owner()
    ids = [await world.session(owner, f"S{number}") for number in range(4)]
    await bury_session(world, owner, ids[1])
    await purged(world)

    page = await world.read(owner, lambda p: p.sessions.page(PageRequest(10), search=None))

    assert {session.id for session in page.nodes} == {*ids} - {ids[1]}


async def rename(world: World, owner: Owner, session_id: UUID, count: int) -> None:
    bodies = [SessionRenamed(str(number)) for number in range(count)]
    await world.write(owner, lambda p: p.events.append(session_id, *bodies, advance=Advance(count)))


async def numbers(world: World, owner: Owner, session_id: UUID) -> Sequence[int]:
    facts = await world.log.facts(SessionKey(owner.user_id, session_id), after=0, limit=10_000)
    return [fact.seq for fact in facts]


async def head(world: World, owner: Owner, session_id: UUID) -> LogHead:
    found = await world.log.head(SessionKey(owner.user_id, session_id))
    assert found is not None
    return found

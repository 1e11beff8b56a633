"""Deleting a message: the branch below it goes, the rest stays, and the head finds a place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from domain.conversations.begin import Begun
from domain.conversations.entities import RunStatus
from domain.errors import CodeLabError, NotFound
from domain.events.live import SessionKey
from domain.pages import PageRequest
from persistence.postgres import PostgresDatabase
from tests.clock import FakeClock
from tests.launchers.postgres import PostgresServer
from tests.persistence.databases import Stored
from tests.persistence.people import together
from tests.worlds import Owner, World, opened, until


async def contents(world: World, owner: Owner, session_id: UUID) -> list[str]:
    """The default branch."""
    head_id = (await world.session_now(owner, session_id)).head_id
    if head_id is None:
        return []
    page = await world.read(owner, lambda p: p.messages.path(session_id, head_id, PageRequest(100)))
    return [message.content for message in page.nodes]


async def test_a_message_goes_with_all_that_is_below_it(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    first = await world.asked(owner, session_id, "One")
    second = await world.asked(owner, session_id, "Two")
    third = await world.asked(owner, session_id, "Three")

    assert await world.delete_message(world.scope(owner), second.question_id) == 0

    assert await contents(world, owner, session_id) == ["One", "Answer to: One"]
    left = await world.read(
        owner, lambda p: p.messages.many([it.question_id for it in (first, second, third)])
    )
    assert list(left) == [first.question_id]
    runs = await world.read(owner, lambda p: p.runs.many([it.run_id for it in (first, second, third)]))
    assert list(runs) == [first.run_id]
    await world.asked(owner, session_id, "Two, again")
    assert (await contents(world, owner, session_id))[2:] == ["Two, again", "Answer to: Two, again"]


async def test_the_head_stays_when_another_branch_is_deleted(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    first = await world.asked(owner, session_id, "One")
    await world.send.edited(world.scope(owner), first.question_id, "Eins", "edit")
    await world.idle()
    head_id = (await world.session_now(owner, session_id)).head_id

    await world.delete_message(world.scope(owner), first.question_id)

    assert (await world.session_now(owner, session_id)).head_id == head_id
    assert await contents(world, owner, session_id) == ["Eins", "Answer to: Eins"]


async def test_a_deleted_root_leaves_the_newest_other_branch_or_nothing(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    first = await world.asked(owner, session_id, "One")
    edited = await world.send.edited(world.scope(owner), first.question_id, "Eins", "edit")
    await world.idle()

    await world.delete_message(world.scope(owner), edited.question_id)
    assert await contents(world, owner, session_id) == ["One", "Answer to: One"]
    await world.delete_message(world.scope(owner), first.question_id)
    assert await contents(world, owner, session_id) == []

    await world.asked(owner, session_id, "From the start")
    assert await contents(world, owner, session_id) == ["From the start", "Answer to: From the start"]


async def test_an_answer_goes_alone_and_its_question_can_still_be_answered(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    begun = await world.asked(owner, session_id, "One")

    await world.delete_message(world.scope(owner), (await world.run_of(owner, begun)).answer_id)

    assert await contents(world, owner, session_id) == ["One"]
    with pytest.raises(NotFound, match="No such run"):
        await world.send.retried(world.scope(owner), begun.run_id, "again")
    edited = await world.send.edited(world.scope(owner), begun.question_id, "One", "edit")
    assert (await world.message(owner, edited.question_id)).parent_id is None
    await world.work_off()
    assert await contents(world, owner, session_id) == ["One", "Answer to: One"]


async def test_what_is_being_answered_below_is_cancelled_and_nothing_else(world: World) -> None:
    owner = await world.owner("coder", "writer")
    session_id = await world.session(owner)
    first = await world.asked(owner, session_id, "@coder one")
    answer_id = (await world.run_of(owner, first)).answer_id
    world.model.hold()
    below = await world.say(owner, session_id, "@coder two")
    await world.say(owner, session_id, "@writer three")
    beside = await world.say(owner, session_id, "@coder four", parent_id=answer_id)
    await until(lambda: world.model.waiting == 2)

    assert await world.delete_message(world.scope(owner), below.question_id) == 2

    assert [task.run_id for task in await world.open_tasks(owner)] == [beside.run_id]
    queues = [(await world.agent(owner, handle)).queue for handle in ("coder", "writer")]
    assert [(queue.waiting, queue.running) for queue in queues] == [(0, 1), (0, 0)]
    writing = await world.live.writing(SessionKey(owner.user_id, session_id))
    assert [text.message_id for text in writing] == [(await world.run_of(owner, beside)).answer_id]
    world.model.release()
    await world.idle()
    assert (await world.run_of(owner, beside)).status is RunStatus.SUCCEEDED


@pytest.fixture
async def scanned(postgres_server: PostgresServer, postgres_template: str) -> AsyncIterator[World]:
    """A process over a PostgreSQL that reads tables as they lie, so that an updated row comes after the others."""
    name = await postgres_server.create_database(template=postgres_template)
    for plan in ("indexscan", "bitmapscan"):
        await postgres_server.execute(f'ALTER DATABASE "{name}" SET enable_{plan} = off')
    database = PostgresDatabase(postgres_server.url(name))
    async with opened(Stored(database, FakeClock(), postgres_server, name)) as world:
        yield world
    await database.close()
    await postgres_server.drop_database(name)


async def test_it_does_not_matter_in_which_order_the_database_finds_what_is_below(scanned: World) -> None:
    owner = await scanned.owner("coder", "writer")
    session_id = await scanned.session(owner)
    top = await scanned.asked(owner, session_id, "@coder one")
    answer_id = (await scanned.run_of(owner, top)).answer_id
    scanned.model.hold()
    await scanned.say(owner, session_id, "@coder two", parent_id=answer_id)
    ended = await scanned.say(owner, session_id, "@writer three", parent_id=answer_id)
    await until(lambda: scanned.model.waiting == 2)
    await scanned.stop(scanned.scope(owner), ended.run_id)

    assert await scanned.delete_message(scanned.scope(owner), top.question_id) == 1

    assert await contents(scanned, owner, session_id) == []
    scanned.model.release()
    await scanned.idle()


async def test_only_messages_of_ones_own_can_be_deleted(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()
    session_id = await world.session(owner)
    begun = await world.asked(owner, session_id, "One")

    for message_id, scope in (
        (begun.question_id, world.scope(stranger)),
        (world.new_id(), world.scope(owner)),
    ):
        with pytest.raises(NotFound, match="No such message"):
            await world.delete_message(scope, message_id)

    assert await contents(world, owner, session_id) == ["One", "Answer to: One"]


@pytest.mark.parametrize("below", ["the head", "another branch"])
async def test_messages_that_come_while_their_place_is_deleted_find_it_gone_or_go_with_it(
    world: World, below: str
) -> None:
    owner = await world.owner("a", "b", "c")
    session_id = await world.session(owner)
    root = await world.asked(owner, session_id, "@a root")
    gone = await world.asked(owner, session_id, "@a gone")
    parent_id = (await world.run_of(owner, gone)).answer_id
    if below == "another branch":
        await world.send.edited(world.scope(owner), root.question_id, "@a elsewhere", "edit")
        await world.idle()
    world.model.hold()

    async def say(number: int) -> Begun:
        return await world.say(owner, session_id, f"@{'abc'[number % 3]} {number}", parent_id=parent_id)

    async def delete() -> int:
        while len(await world.open_tasks(owner)) < 3:  # in the middle of it
            pass
        return await world.delete_message(world.scope(owner), gone.question_id)

    outcomes = await together([*(say(number) for number in range(15)), delete()])

    refused = [it for it in outcomes if isinstance(it, CodeLabError)]
    assert {type(it) for it in refused} <= {NotFound}
    assert outcomes[-1] == 15 - len(refused)
    assert await world.open_tasks(owner) == []
    await world.facts(owner, session_id)
    head_id = (await world.session_now(owner, session_id)).head_id
    assert head_id is not None
    assert (await world.message(owner, head_id)).content

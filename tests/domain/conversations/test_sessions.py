"""Sessions as a whole: made, renamed, listed, deleted."""

from __future__ import annotations

import pytest

from domain.conversations.sessions import GONE, UNTITLED
from domain.conversations.validate import MAX_KEY, MAX_TITLE
from domain.errors import CodeLabError, Invalid, LimitExceeded, NotFound
from domain.events.live import SessionKey
from domain.pages import PageRequest
from tests.persistence.people import together
from tests.worlds import World, until


async def test_a_new_session_is_empty_and_listed(world: World) -> None:
    owner = await world.owner()
    world.forget()

    session_id = await world.session(owner)
    titled = await world.session(owner, "  Мой чат ")

    session = await world.session_now(owner, session_id)
    assert (session.title, session.head_id, session.seq) == (UNTITLED, None, 0)
    assert (await world.session_now(owner, titled)).title == "Мой чат"
    assert world.hints.sent == [
        (f"project:{owner.user_id}:{owner.project_id}", {"kind": "SESSION_LISTED", "session_id": str(it)})
        for it in (session_id, titled)
    ]


@pytest.mark.parametrize(
    ("title", "key", "path"),
    [
        (" ", None, "title"),
        ("x" * (MAX_TITLE + 1), None, "title"),
        ("\0", None, "title"),
        ("Chat", "", "idempotencyKey"),
        ("Chat", "k" * (MAX_KEY + 1), "idempotencyKey"),
    ],
)
async def test_bad_input_makes_no_session(world: World, title: str, key: str | None, path: str) -> None:
    owner = await world.owner()

    with pytest.raises(Invalid) as refused:
        await world.session(owner, title, key=key)

    assert [field.path for field in refused.value.fields] == [(path,)]
    assert (await world.read(owner, lambda p: p.sessions.page(PageRequest(), search=None))).total == 0


async def test_a_session_lies_in_a_project_of_its_owner(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()

    for project_id in (stranger.project_id, world.new_id()):
        with pytest.raises(NotFound, match="No such project"):
            await world.sessions.create(world.scope(owner), project_id, title=None, key=None)


async def test_a_session_is_renamed_by_its_owner_alone(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()
    session_id = await world.session(owner)

    await world.sessions.rename(world.scope(owner), session_id, "New")
    for session, scope in ((session_id, world.scope(stranger)), (world.new_id(), world.scope(owner))):
        with pytest.raises(NotFound, match="No such session"):
            await world.sessions.rename(scope, session, "Newer")
    with pytest.raises(Invalid):
        await world.sessions.rename(world.scope(owner), session_id, " ")

    assert (await world.session_now(owner, session_id)).title == "New"


async def test_a_deleted_session_is_gone_at_once_with_all_that_is_open_in_it(world: World) -> None:
    owner = await world.owner("coder", "writer")
    session_id, other_id = await world.session(owner), await world.session(owner)
    world.model.hold()
    running = await world.say(owner, session_id, "@coder one")
    await world.say(owner, session_id, "@writer two")
    await world.say(owner, other_id, "@coder three")
    await until(lambda: world.model.waiting)
    world.forget()

    cancelled = await world.sessions.delete(world.scope(owner), session_id)

    assert cancelled == 2
    assert await world.read(owner, lambda p: p.sessions.many([session_id])) == {}
    assert await world.read(owner, lambda p: p.runs.many([running.run_id])) == {}
    assert await world.read(owner, lambda p: p.messages.many([running.question_id])) == {}
    assert [task.session_id for task in await world.open_tasks(owner)] == [other_id]
    queues = [(await world.agent(owner, handle)).queue for handle in ("coder", "writer")]
    assert [(queue.waiting, queue.running) for queue in queues] == [(0, 1), (0, 0)]
    assert await world.live.writing(SessionKey(owner.user_id, session_id)) == []
    assert len([hint for hint in world.engine_hints() if "cancel" in hint]) == 2
    for act in (
        world.sessions.delete(world.scope(owner), session_id),
        world.sessions.rename(world.scope(owner), session_id, "New"),
        world.say(owner, session_id, "Hi"),
        world.stop(world.scope(owner), running.run_id),
        world.delete_message(world.scope(owner), running.question_id),
    ):
        with pytest.raises(NotFound):
            await act


async def test_only_sessions_of_ones_own_can_be_deleted(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()
    session_id = await world.session(owner)

    for session, scope in ((session_id, world.scope(stranger)), (world.new_id(), world.scope(owner))):
        with pytest.raises(NotFound, match="No such session"):
            await world.sessions.delete(scope, session)

    assert (await world.session_now(owner, session_id)).seq == 0


async def test_a_deletion_among_messages_leaves_nothing_open(world: World) -> None:
    owner = await world.owner("a", "b")
    session_id = await world.session(owner)
    world.model.hold()

    async def delete() -> int:
        while not await world.open_tasks(owner):  # in the middle of it
            pass
        return await world.sessions.delete(world.scope(owner), session_id)

    outcomes = await together(
        [*(world.say(owner, session_id, f"@{'ab'[n % 2]} {n}") for n in range(20)), delete()]
    )

    refused = [it for it in outcomes if isinstance(it, CodeLabError)]
    assert {type(it) for it in refused} <= {NotFound}
    assert not any(isinstance(it, LimitExceeded) for it in outcomes)
    assert outcomes[-1] == 20 - len(refused)
    assert await world.open_tasks(owner) == []
    for handle in ("a", "b"):
        queue = (await world.agent(owner, handle)).queue
        assert (queue.waiting, queue.running) == (0, 0)


async def test_a_session_that_is_deleted_while_its_runs_are_ended_says_why(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    await world.say(owner, session_id, "Hi")

    await world.sessions.delete(world.scope(owner), session_id)

    problems = [getattr(fact.body, "problem", None) for fact in await world.facts(owner, session_id)]
    assert problems[-3:] == [GONE, GONE, None]

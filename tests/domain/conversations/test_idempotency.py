"""One key, one outcome: the same input finds what was made, other input is a Conflict, however many come at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from domain.conversations.begin import Begun
from domain.errors import Conflict
from domain.pages import PageRequest
from tests.persistence.people import together
from tests.worlds import World

AT_ONCE = 20


async def test_the_same_key_with_the_same_input_finds_the_same_run(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    first = await world.asked(owner, session_id, "Hi", target="coder")
    facts, usage = await world.facts(owner, session_id), len(world.model.requests)

    again = await world.say(owner, session_id, "Hi", target="coder", key="other")
    await world.idle()
    same = await world.say(owner, session_id, "Hi", target="coder", key="other")

    assert (same.run_id, same.question_id) == (again.run_id, again.question_id)
    assert (same.seq, same.claim) == (None, None)
    assert again.run_id != first.run_id
    assert len(await world.facts(owner, session_id)) == 2 * len(facts)
    assert len(world.model.requests) == usage + 1


async def test_the_same_key_with_other_input_is_a_conflict(world: World) -> None:
    owner = await world.owner("coder", "writer")
    session_id = await world.session(owner)
    begun = await world.asked(owner, session_id, "Hi")
    answer_id = (await world.run_of(owner, begun)).answer_id
    await world.say(owner, session_id, "Hi", target="coder", key="k")
    await world.idle()
    scope = world.scope(owner)
    others: list[Callable[[], Awaitable[Begun]]] = [
        lambda: world.say(owner, session_id, "Hi!", target="coder", key="k"),
        lambda: world.say(owner, session_id, "Hi", target="writer", key="k"),
        lambda: world.say(owner, session_id, "Hi", target="coder", parent_id=answer_id, key="k"),
        lambda: world.send.edited(scope, begun.question_id, "Hi", "k"),
        lambda: world.send.retried(scope, begun.run_id, "k"),
    ]
    facts = await world.facts(owner, session_id)

    for other in others:
        with pytest.raises(Conflict, match="used for other input"):
            await other()

    assert await world.facts(owner, session_id) == facts


async def test_a_key_belongs_to_one_session(world: World) -> None:
    owner = await world.owner()
    one, two = await world.session(owner), await world.session(owner)

    first = await world.say(owner, one, "Hi", key="k")

    assert (await world.say(owner, two, "Ho", key="k")).run_id != first.run_id


@pytest.mark.parametrize("how", ["new", "below an answer", "edited", "retried"])
async def test_many_requests_with_one_key_at_once_make_one_run(world: World, how: str) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    begun = await world.asked(owner, session_id, "Hi")
    answer_id = (await world.run_of(owner, begun)).answer_id
    await world.asked(owner, session_id, "Ho")
    before = len(await world.facts(owner, session_id))
    world.model.hold()

    def ask() -> Awaitable[Begun]:
        scope = world.scope(owner)
        if how == "edited":
            return world.send.edited(scope, begun.question_id, "Hello", "k")
        if how == "retried":
            return world.send.retried(scope, begun.run_id, "k")
        return world.say(owner, session_id, "Hi", parent_id=answer_id if how != "new" else None, key="k")

    async def asked() -> Begun:
        return await ask()

    outcomes = await together(asked() for _ in range(AT_ONCE))

    runs = {outcome.run_id for outcome in outcomes if isinstance(outcome, Begun)}
    assert [outcome for outcome in outcomes if not isinstance(outcome, Begun)] == []
    assert len(runs) == 1
    assert (await world.agent(owner)).queue.running == 1
    expected = {"new": 4, "below an answer": 5, "edited": 5, "retried": 4}[how]
    assert len(await world.facts(owner, session_id)) == before + expected


async def test_many_requests_with_one_key_at_once_make_one_session(world: World) -> None:
    owner = await world.owner()

    made = await together(world.session(owner, "Chat", key="k") for _ in range(AT_ONCE))

    assert len(set(made)) == 1
    page = await world.read(owner, lambda p: p.sessions.page(PageRequest(), search=None))
    assert [session.id for session in page.nodes] == made[:1]


async def test_a_sessions_key_is_free_again_once_the_session_is_deleted(world: World) -> None:
    owner = await world.owner()
    first = await world.session(owner, "Chat", key="k")
    with pytest.raises(Conflict, match="used for other input"):
        await world.session(owner, "Another", key="k")
    assert await world.session(owner, "Chat", key="k") == first

    await world.sessions.delete(world.scope(owner), first)

    assert await world.session(owner, "Another", key="k") != first

"""Another version of a question, another answer to it: siblings on branches of their own."""

from __future__ import annotations

from uuid import UUID

import pytest

from domain.agents.delete import delete_agent
from domain.agents.inputs import AgentInput
from domain.agents.update import update_agent
from domain.conversations.entities import RunMode, RunStatus
from domain.errors import Conflict, Invalid, NotFound
from domain.events.kinds import HeadMoved
from domain.models.entities import ChatRole
from domain.scopes import ProjectTx
from domain.tasks.ports import OpenTask
from tests.worlds import Owner, World


def cancels_nothing(_: ProjectTx, task: OpenTask) -> None:
    raise AssertionError(f"there is no task {task.id}")


async def siblings(world: World, owner: Owner, message_id: UUID) -> list[str]:
    found = await world.read(owner, lambda p: p.messages.siblings([message_id]))
    return [message.content for message in found[message_id]]


async def test_an_edited_question_is_a_sibling_with_an_answer_of_its_own(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    await world.asked(owner, session_id, "One")
    second = await world.asked(owner, session_id, "Two")
    await world.asked(owner, session_id, "Three")

    edited = await world.send.edited(world.scope(owner), second.question_id, "Two again", "edit")
    await world.idle()

    assert await siblings(world, owner, second.question_id) == ["Two", "Two again"]
    answer = await world.answer_to(owner, edited)
    assert (await world.session_now(owner, session_id)).head_id == answer.id
    assert HeadMoved(answer.id) in [fact.body for fact in await world.facts(owner, session_id)]
    assert [message.content for message in world.model.requests[-1].messages[1:]] == [
        "One",
        "Answer to: One",
        "Two again",
    ]


async def test_the_first_question_can_be_edited(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    begun = await world.asked(owner, session_id, "One")

    edited = await world.send.edited(world.scope(owner), begun.question_id, "Eins", "edit")

    assert await siblings(world, owner, begun.question_id) == ["One", "Eins"]
    assert (await world.message(owner, edited.question_id)).parent_id is None


async def test_an_edited_question_keeps_the_agent_that_was_named_unless_it_names_another(
    world: World,
) -> None:
    owner = await world.owner("coder", "writer")
    session_id = await world.session(owner)
    begun = await world.asked(owner, session_id, "Hi", target="writer")

    async def answered_by(content: str) -> str | None:
        edited = await world.send.edited(world.scope(owner), begun.question_id, content, content)
        await world.idle()
        run = await world.run_of(owner, edited)
        assert run.mode is RunMode.DIRECT
        return run.agent.handle if run.agent else None

    assert await answered_by("Hello") == "writer"
    assert await answered_by("@@ is no handle") == "writer"
    assert await answered_by("@coder hello") == "coder"
    with pytest.raises(NotFound, match="No agent @nobody"):
        await answered_by("@nobody hello")


async def test_an_edited_question_is_routed_again_when_nobody_was_named_or_the_agent_is_gone(
    world: World,
) -> None:
    owner = await world.owner("coder", "poet")
    session_id = await world.session(owner)
    routed = await world.say(owner, session_id, "Write a poem, poet", auto=True)
    named = await world.say(owner, session_id, "Hi", target="coder")
    await world.work_off()
    await delete_agent(world.scope(owner), owner.agents["coder"], cancel=cancels_nothing)

    for number, begun in enumerate((routed, named)):
        edited = await world.send.edited(world.scope(owner), begun.question_id, "Another poem", f"{number}")
        run = await world.run_of(owner, edited)
        assert (run.mode, run.agent and run.agent.handle) == (RunMode.AUTO, "poet")


async def test_only_questions_of_ones_own_can_be_edited(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()
    session_id = await world.session(owner)
    begun = await world.asked(owner, session_id, "One")
    answer_id = (await world.run_of(owner, begun)).answer_id

    with pytest.raises(Invalid, match="Only your own messages") as refused:
        await world.send.edited(world.scope(owner), answer_id, "Mine now", "k")
    assert [field.path for field in refused.value.fields] == [("messageId",)]
    with pytest.raises(Invalid, match="can't be empty"):
        await world.send.edited(world.scope(owner), begun.question_id, " ", "k")
    for message_id, scope in (
        (begun.question_id, world.scope(stranger)),
        (world.new_id(), world.scope(owner)),
    ):
        with pytest.raises(NotFound, match="No such message"):
            await world.send.edited(scope, message_id, "Mine now", "k")


async def test_a_second_try_is_a_sibling_of_the_answer_by_the_same_agent_as_it_is_now(world: World) -> None:
    owner = await world.owner("coder", "poet")
    session_id = await world.session(owner)
    world.model.problem = RuntimeError("a fault")
    begun = await world.say(owner, session_id, "A poem by a poet", auto=True)
    await world.idle()
    world.model.problem = None
    await update_agent(
        world.scope(owner), owner.agents["poet"], AgentInput(role="Rhymes"), expected_version=1
    )

    again = await world.send.retried(world.scope(owner), begun.run_id, "again")
    await world.idle()

    before, after = await world.run_of(owner, begun), await world.run_of(owner, again)
    assert (after.question_id, after.status) == (before.question_id, RunStatus.SUCCEEDED)
    assert (after.mode, after.confidence, after.reason) == (before.mode, before.confidence, before.reason)
    assert after.agent is not None
    assert (after.agent.handle, after.agent.version) == ("poet", 2)
    assert await siblings(world, owner, after.answer_id) == ["Answer to: A poem by a poet"] * 2
    assert (await world.session_now(owner, session_id)).head_id == after.answer_id
    assert [role.role for role in world.model.requests[-1].messages] == [ChatRole.SYSTEM, ChatRole.USER]


async def test_only_a_run_that_has_ended_is_tried_again(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    running = await world.say(owner, session_id, "One")
    queued = await world.say(owner, session_id, "Two")

    for begun in (running, queued):
        with pytest.raises(Conflict, match="has not ended"):
            await world.send.retried(world.scope(owner), begun.run_id, "k")
    for run_id, scope in ((running.run_id, world.scope(stranger)), (world.new_id(), world.scope(owner))):
        with pytest.raises(NotFound, match="No such run"):
            await world.send.retried(scope, run_id, "k")


async def test_the_run_of_an_agent_that_is_gone_or_off_is_not_tried_again(world: World) -> None:
    owner = await world.owner("coder", "writer")
    session_id = await world.session(owner)
    gone = await world.asked(owner, session_id, "@coder one")
    off = await world.asked(owner, session_id, "@writer two")
    await delete_agent(world.scope(owner), owner.agents["coder"], cancel=cancels_nothing)
    await update_agent(
        world.scope(owner), owner.agents["writer"], AgentInput(is_active=False), expected_version=1
    )

    with pytest.raises(NotFound, match="No such agent"):
        await world.send.retried(world.scope(owner), gone.run_id, "k")
    with pytest.raises(Conflict, match="switched off"):
        await world.send.retried(world.scope(owner), off.run_id, "k")

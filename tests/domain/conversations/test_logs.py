"""What each use case writes into the session's log: exactly this, in this order, without a gap."""

from __future__ import annotations

from uuid import UUID

from domain.agents.delete import delete_agent
from domain.bus.close import close_task
from domain.bus.recover import take_back
from domain.conversations.sessions import GONE
from domain.conversations.stop import STOPPED
from domain.models.ports import ModelProblem, ModelProblemKind
from domain.projects.delete import delete_project
from domain.scopes import ProjectTx
from domain.tasks.ports import OpenTask
from tests.stories import story
from tests.worlds import Owner, World, until


async def told(world: World, owner: Owner, session_id: UUID) -> list[str]:
    return story(await world.facts(owner, session_id))


async def test_a_message_and_its_answer(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)

    await world.asked(owner, session_id, "Hi")

    assert await told(world, owner, session_id) == [
        "Q1 in R1: 'Hi'",
        "R1 DIRECT @coder",
        "A1 under Q1 in R1: @coder v1",
        "R1 RUNNING",
        "A1 COMPLETE 'Answer to: Hi'",
        "R1 SUCCEEDED",
    ]


async def test_a_message_that_waits_first(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    await world.say(owner, session_id, "One")

    await world.say(owner, session_id, "@coder two")
    world.model.release()
    await world.work_off()

    assert await told(world, owner, session_id) == [
        "Q1 in R1: 'One'",
        "R1 DIRECT @coder",
        "A1 under Q1 in R1: @coder v1",
        "R1 RUNNING",
        "Q2 under A1 in R2: '@coder two'",
        "R2 DIRECT @coder",
        "A2 under Q2 in R2: @coder v1",
        "R2 QUEUED",
        "A1 COMPLETE 'Answer to: One'",
        "R1 SUCCEEDED",
        "R2 RUNNING",
        "A2 COMPLETE 'Answer to: two'",
        "R2 SUCCEEDED",
    ]


async def test_a_model_that_fails(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.problem = ModelProblem(ModelProblemKind.CUT_OFF, "The model's answer was cut off.")

    await world.asked(owner, session_id, "Hi")

    assert (await told(world, owner, session_id))[4:] == [
        "A1 FAILED 'Answer to: Hi' (The model's answer was cut off.)",
        "R1 FAILED (The model's answer was cut off.)",
    ]


async def test_an_edited_question_and_an_answer_that_is_tried_again(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    begun = await world.asked(owner, session_id, "Hi")

    await world.send.edited(world.scope(owner), begun.question_id, "Hello", "edit")
    await world.idle()
    await world.send.retried(world.scope(owner), begun.run_id, "retry")
    await world.idle()

    assert (await told(world, owner, session_id))[6:] == [
        "Q2 in R2: 'Hello'",
        "R2 DIRECT @coder",
        "A2 under Q2 in R2: @coder v1",
        "R2 RUNNING",
        "head A2",
        "A2 COMPLETE 'Answer to: Hello'",
        "R2 SUCCEEDED",
        "R3 DIRECT @coder",
        "A3 under Q1 in R3: @coder v1",
        "R3 RUNNING",
        "head A3",
        "A3 COMPLETE 'Answer to: Hi'",
        "R3 SUCCEEDED",
    ]


async def test_a_run_that_is_stopped(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    begun = await world.say(owner, session_id, "Hi")
    await until(lambda: world.model.waiting)
    await world.stop(world.scope(owner), begun.run_id)

    log = await told(world, owner, session_id)

    assert log[4:] == [f"A1 CANCELLED 'Answer to: Hi' ({STOPPED})", f"R1 CANCELLED ({STOPPED})"]


async def test_a_worker_that_is_lost_once_and_then_for_good(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    claim = (await world.say(owner, session_id, "Hi")).claim
    assert claim is not None

    await world.stored.pass_time(60)
    assert await world.scope(owner).write(lambda tx: take_back(tx, claim.task))
    world.model.release()
    await world.work_off(world.another_worker())

    assert (await told(world, owner, session_id))[4:] == [
        "R1 QUEUED",
        "R1 RUNNING",
        "A1 COMPLETE 'Answer to: Hi' generation 1",
        "R1 SUCCEEDED",
    ]


async def test_a_branch_that_is_deleted_while_it_is_answered(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    first = await world.asked(owner, session_id, "One")
    world.model.hold()
    second = await world.say(owner, session_id, "Two")
    await until(lambda: world.model.waiting)

    await world.delete_message(world.scope(owner), second.question_id)
    await world.delete_message(world.scope(owner), first.question_id)

    assert (await told(world, owner, session_id))[10:] == [
        "A2 CANCELLED ''",
        "R2 CANCELLED",
        "Q2 deleted",
        "head A1",
        "Q1 deleted",
    ]


async def test_a_session_from_its_title_to_its_end(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    await world.say(owner, session_id, "Hi")

    await world.sessions.rename(world.scope(owner), session_id, " My chat ")
    await world.sessions.delete(world.scope(owner), session_id)

    assert (await told(world, owner, session_id))[4:] == [
        "renamed 'My chat'",
        f"A1 CANCELLED '' ({GONE})",
        f"R1 CANCELLED ({GONE})",
        "deleted",
    ]


async def test_an_agent_and_a_project_that_are_deleted(world: World) -> None:
    owner = await world.owner("coder", "writer")
    session_id = await world.session(owner)
    world.model.hold()
    await world.say(owner, session_id, "@coder one")
    await world.say(owner, session_id, "@writer two")

    def cancel(p: ProjectTx, task: OpenTask) -> None:
        close_task(p, task, problem="Deleted.")

    await delete_agent(world.scope(owner), owner.agents["coder"], cancel=cancel)
    await delete_project(world.scope(owner), owner.project_id, cancel=cancel)

    assert (await told(world, owner, session_id))[8:] == [
        "A1 CANCELLED '' (Deleted.)",
        "R1 CANCELLED (Deleted.)",
        "A2 CANCELLED '' (Deleted.)",
        "R2 CANCELLED (Deleted.)",
    ]

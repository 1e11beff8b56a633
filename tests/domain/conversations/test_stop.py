"""Stopping: at once, whoever works on it; what was written stays, and ended things stay as they are."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from uuid import UUID

import pytest

from domain.bus.claim import NotReady, claim
from domain.conversations.entities import MessageStatus, RunStatus
from domain.conversations.stop import STOPPED
from domain.errors import NotFound
from domain.events.live import Delta, SessionKey
from domain.tasks.entities import TaskKey
from tests.persistence.people import together
from tests.worlds import World, until


async def test_a_run_that_is_being_answered_ends_at_once_and_keeps_its_text(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    begun = await world.say(owner, session_id, "Hi")
    await until(lambda: world.model.waiting)
    world.forget()

    async with world.serving():
        await asyncio.sleep(0)
        await world.stop(world.scope(owner), begun.run_id)
        await until(lambda: not world.worker.running)

    run, answer = await world.run_of(owner, begun), await world.answer_to(owner, begun)
    assert (run.status, run.problem) == (RunStatus.CANCELLED, STOPPED)
    assert run.finished_at is not None
    assert (answer.status, answer.content) == (MessageStatus.CANCELLED, "Answer to: Hi")
    assert (await world.agent(owner)).queue.running == 0
    assert await world.open_tasks(owner) == []
    assert world.model.closed == 1, "the model's stream is closed"
    assert begun.claim is not None
    assert {"cancel": str(begun.claim.task.task_id)} in world.engine_hints()
    channel, hint = f"project:{owner.user_id}:{owner.project_id}", {"kind": "AGENT_CHANGED"}
    assert (channel, {**hint, "agent_id": str(owner.agents["coder"])}) in world.hints.sent
    assert await world.live.writing(SessionKey(owner.user_id, session_id)) == []


async def test_a_message_that_waits_leaves_the_queue(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    await world.say(owner, session_id, "One")
    queued = await world.say(owner, session_id, "Two")
    assert (await world.agent(owner)).queue.waiting == 1

    await world.stop(world.scope(owner), queued.run_id)

    queue = (await world.agent(owner)).queue
    assert (queue.waiting, queue.running) == (0, 1)
    answer = await world.answer_to(owner, queued)
    assert (answer.status, answer.content) == (MessageStatus.CANCELLED, "")
    world.model.release()
    await world.work_off()
    assert (await world.run_of(owner, queued)).status is RunStatus.CANCELLED


async def test_what_has_ended_stays_as_it_is(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    done = await world.asked(owner, session_id, "One")
    world.model.hold()
    stopped = await world.say(owner, session_id, "Two")
    await world.stop(world.scope(owner), stopped.run_id)
    runs = [await world.run_of(owner, begun) for begun in (done, stopped)]
    facts = await world.facts(owner, session_id)
    world.forget()

    await together(world.stop(world.scope(owner), begun.run_id) for begun in (done, stopped, stopped))

    assert [await world.run_of(owner, begun) for begun in (done, stopped)] == runs
    assert await world.facts(owner, session_id) == facts
    assert (world.live.published, world.hints.sent) == ([], [])


async def test_stopped_twice_at_once_it_is_stopped_once(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    begun = await world.say(owner, session_id, "One")
    before = len(await world.facts(owner, session_id))

    await together(world.stop(world.scope(owner), begun.run_id) for _ in range(5))

    assert len(await world.facts(owner, session_id)) == before + 2
    assert (await world.agent(owner)).queue.running == 0


async def claimed(world: World, key: TaskKey, worker_id: UUID) -> None:
    with suppress(NotReady):
        await world.scopes.open(key.user_id).write(partial(claim, key=key, worker_id=worker_id))


async def test_a_stop_that_meets_a_claim_is_not_lost(world: World) -> None:
    owner = await world.owner(limit=1)
    session_id, other_id = await world.session(owner), await world.session(owner)
    worker = world.another_worker()
    for number in range(5):
        world.model.hold()
        first = await world.say(owner, other_id, "Busy")
        queued = await world.say(owner, session_id, f"{number}")
        await world.stop(world.scope(owner), first.run_id)
        (key,) = await world.queue.ready(limit=1)

        await together([claimed(world, key, worker.worker_id), world.stop(world.scope(owner), queued.run_id)])

        assert (await world.run_of(owner, queued)).status is RunStatus.CANCELLED
        queue = (await world.agent(owner)).queue
        assert (queue.waiting, queue.running) == (0, 0)


async def test_the_text_of_an_older_generation_is_not_the_answer(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    begun = await world.say(owner, session_id, "Hi")
    answer_id = (await world.run_of(owner, begun)).answer_id
    await until(lambda: world.model.waiting)

    key = SessionKey(owner.user_id, session_id)
    await world.live.drop(key)
    await world.live.append(key, Delta(answer_id, 7, 0, "of another generation"))
    await world.stop(world.scope(owner), begun.run_id)

    assert (await world.message(owner, answer_id)).content == ""


async def test_only_runs_of_ones_own_can_be_stopped(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    begun = await world.say(owner, session_id, "Hi")

    for run_id, scope in ((begun.run_id, world.scope(stranger)), (world.new_id(), world.scope(owner))):
        with pytest.raises(NotFound, match="No such run"):
            await world.stop(scope, run_id)

    assert (await world.run_of(owner, begun)).status is RunStatus.RUNNING

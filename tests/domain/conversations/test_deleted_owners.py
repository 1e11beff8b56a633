"""Deleting an agent or a project ends what is open with the right counters, and leaves the neighbours alone."""

from __future__ import annotations

from functools import partial

from domain.agents.delete import delete_agent
from domain.bus.close import close_task
from domain.conversations.entities import MessageStatus, RunStatus
from domain.projects.delete import delete_project
from tests.worlds import World, until

CANCEL = partial(close_task, problem="It was deleted.")


async def test_a_deleted_agent_answers_nothing_more_and_its_messages_stay(world: World) -> None:
    owner = await world.owner("coder", "writer", limit=1)
    session_id, other_id = await world.session(owner), await world.session(owner)
    done = await world.asked(owner, session_id, "@coder done")
    world.model.hold()
    running = await world.say(owner, session_id, "@coder running")
    queued = await world.say(owner, other_id, "@coder queued")
    neighbour = await world.say(owner, other_id, "@writer neighbour")
    await until(lambda: world.model.waiting)

    assert await delete_agent(world.scope(owner), owner.agents["coder"], cancel=CANCEL) == 2

    for begun in (running, queued):
        run, answer = await world.run_of(owner, begun), await world.answer_to(owner, begun)
        assert (run.status, run.problem) == (RunStatus.CANCELLED, "It was deleted.")
        assert answer.status is MessageStatus.CANCELLED
        assert answer.agent is not None
        assert answer.agent.handle == "coder"
    assert (await world.answer_to(owner, done)).content == "Answer to: done"
    world.model.release()
    await world.work_off()
    assert (await world.run_of(owner, neighbour)).status is RunStatus.SUCCEEDED
    assert (await world.agent(owner, "writer")).queue.running == 0


async def test_a_deleted_project_takes_its_open_work_along_and_no_other(world: World) -> None:
    owner = await world.owner("coder", "writer")
    neighbour = await world.project(owner)
    sessions = [await world.session(owner), await world.session(owner)]
    world.model.hold()
    for session_id in sessions:
        await world.say(owner, session_id, "@coder one")
        await world.say(owner, session_id, "@writer two")
    other = await world.say(neighbour, await world.session(neighbour), "Hi")

    assert await delete_project(world.scope(owner), owner.project_id, cancel=CANCEL) == 4

    assert await world.open_tasks(owner) == []
    assert await world.read(owner, lambda p: p.sessions.many(sessions)) == {}
    assert await world.queue.queue_depth() == (0, 1)
    world.model.release()
    await world.idle()
    assert (await world.run_of(neighbour, other)).status is RunStatus.SUCCEEDED

"""Lost workers: their tasks go on elsewhere, behind a new fence, and are given up when they keep getting lost."""

from __future__ import annotations

from functools import partial

import pytest

from domain.agents.entities import ERROR_AFTER_FAILURES, WAITING_LIMIT, AgentStatus
from domain.agents.finish import Outcome, finish
from domain.bus.claim import claim
from domain.bus.ports import ClaimLost
from domain.bus.recover import GIVEN_UP, RESTARTS, take_back
from domain.conversations.begin import Begun
from domain.conversations.entities import MessageStatus, RunStatus
from domain.errors import LimitExceeded
from domain.events.live import SessionKey
from domain.tasks.entities import Claim, TaskStatus
from domain.tasks.ports import OpenTask
from tests.worlds import Owner, World

AWAY_S = 16.0


async def asked(world: World, owner: Owner, content: str = "Hi") -> tuple[Begun, Claim]:
    """A message that a worker claimed and was lost with."""
    begun = await world.say(owner, await world.session(owner), content, queued=True)
    return begun, await claimed(world, begun)


async def claimed(world: World, begun: Begun) -> Claim:
    """The claim of a worker that is about to be lost."""
    keys = await world.queue.ready(limit=100)
    for key in keys:
        act = partial(claim, key=key, worker_id=world.new_id())
        if (taken := await world.scopes.open(key.user_id).write(act)) and taken.run_id == begun.run_id:
            return taken
    raise AssertionError("nothing to claim")


async def taken_back(world: World, lost: Claim) -> OpenTask | None:
    return await world.scopes.open(lost.task.user_id).write(partial(take_back, key=lost.task))


async def end(world: World, lost: Claim, text: str = "Text") -> None:
    outcome = Outcome(text, None, None, 1.0)
    act = partial(finish, claim=lost, outcome=outcome, usage_id=world.new_id(), memory_id=world.new_id())
    await world.scopes.open(lost.task.user_id).write(act)


async def checkpoint(world: World, owner: Owner, held: Claim, text: str) -> bool:
    return await world.write(
        owner, lambda p: p.messages.checkpoint(held.answer_id, generation=held.generation, content=text)
    )


async def test_only_a_task_whose_lease_is_over_is_taken_back(world: World) -> None:
    owner = await world.owner()
    _, held = await asked(world, owner)

    assert await world.queue.abandoned(limit=10) == []
    assert await taken_back(world, held) is None
    await world.stored.pass_time(AWAY_S)
    assert await world.queue.abandoned(limit=10) == [held.task]


async def test_it_waits_again_in_its_next_generation_without_text(world: World) -> None:
    owner = await world.owner()
    begun, held = await asked(world, owner)
    assert await checkpoint(world, owner, held, "So far")
    await world.stored.pass_time(AWAY_S)
    world.forget()

    task = await taken_back(world, held)

    assert task is not None
    assert (task.status, task.generation) == (TaskStatus.QUEUED, 1)
    assert (await world.run_of(owner, begun)).status is RunStatus.QUEUED
    answer = await world.answer_to(owner, begun)
    assert (answer.status, answer.content, answer.generation) == (MessageStatus.STREAMING, "", 1)
    queue = (await world.agent(owner)).queue
    assert (queue.waiting, queue.running) == (1, 0)
    assert {"wake": True} in world.engine_hints()
    assert f"project:{owner.user_id}:{owner.project_id}" in [channel for channel, _ in world.hints.sent]
    again = await claimed(world, begun)
    assert (again.fence, again.generation) == (held.fence + 2, 1)


async def test_two_who_take_it_back_do_so_once(world: World) -> None:
    owner = await world.owner()
    _, held = await asked(world, owner)
    await world.stored.pass_time(AWAY_S)

    outcomes = [await taken_back(world, held) for _ in range(2)]

    assert outcomes[1] is None
    assert (await world.agent(owner)).queue.waiting == 1


@pytest.mark.parametrize("afterwards", ["waits", "runs elsewhere", "was stopped", "was deleted"])
async def test_a_lost_worker_can_neither_end_nor_save_anything(world: World, afterwards: str) -> None:
    owner = await world.owner()
    begun, held = await asked(world, owner)
    await world.stored.pass_time(AWAY_S)
    if afterwards == "was stopped":
        await world.stop(world.scope(owner), begun.run_id)
    elif afterwards == "was deleted":
        await world.sessions.delete(world.scope(owner), begun.session_id)
    else:
        await taken_back(world, held)
        if afterwards == "runs elsewhere":
            await claimed(world, begun)
    facts, queue = await world.facts(owner, begun.session_id), (await world.agent(owner)).queue
    tasks = await world.open_tasks(owner)
    world.forget()

    assert not await checkpoint(world, owner, held, "from the grave")
    with pytest.raises(ClaimLost):
        await end(world, held)

    assert await world.facts(owner, begun.session_id) == facts
    assert (await world.agent(owner)).queue == queue
    assert await world.open_tasks(owner) == tasks
    assert (world.live.published, world.hints.sent) == ([], [])


async def test_a_task_that_keeps_losing_its_worker_is_given_up_and_keeps_its_last_text(world: World) -> None:
    owner = await world.owner()
    begun, held = await asked(world, owner)
    for restart in range(RESTARTS):
        await world.stored.pass_time(AWAY_S)
        task = await taken_back(world, held)
        assert task is not None
        assert (task.status, task.generation) == (TaskStatus.QUEUED, restart + 1)
        held = await claimed(world, begun)
    await checkpoint(world, owner, held, "So far")

    await world.stored.pass_time(AWAY_S)
    task = await taken_back(world, held)

    assert task is not None
    assert task.status is TaskStatus.FAILED
    run, answer = await world.run_of(owner, begun), await world.answer_to(owner, begun)
    assert (run.status, run.problem) == (RunStatus.FAILED, GIVEN_UP)
    assert run.usage.seconds > 3 * AWAY_S
    assert (answer.status, answer.content) == (MessageStatus.FAILED, "So far")
    queue = (await world.agent(owner)).queue
    assert (queue.waiting, queue.running, queue.consecutive_failures) == (0, 0, 1)
    statistics = await world.read(owner, lambda p: p.agents.statistics([owner.agents["coder"]]))
    assert statistics[owner.agents["coder"]].failed == 1
    again = await world.send.retried(world.scope(owner), begun.run_id, "again")
    await world.idle()
    assert (await world.run_of(owner, again)).status is RunStatus.SUCCEEDED


async def test_what_is_given_up_is_not_being_written_any_more(world: World) -> None:
    owner = await world.owner()
    begun, held = await asked(world, owner)
    key = SessionKey(owner.user_id, begun.session_id)
    await world.live.begin(key, message_id=held.answer_id, generation=0, text="So far")
    worker = world.another_worker(capacity=0)
    for _ in range(RESTARTS + 1):
        await world.stored.pass_time(AWAY_S)
        await worker._recover()
        if (await world.run_of(owner, begun)).status is RunStatus.QUEUED:
            assert [text.text for text in await world.live.writing(key)] == [""]
            held = await claimed(world, begun)

    assert (await world.run_of(owner, begun)).status is RunStatus.FAILED
    assert await world.live.writing(key) == []


async def test_three_tasks_that_are_given_up_are_an_agent_in_trouble(world: World) -> None:
    owner = await world.owner()
    for number in range(ERROR_AFTER_FAILURES):
        begun, held = await asked(world, owner, f"{number}")
        for restart in range(RESTARTS + 1):
            await world.stored.pass_time(AWAY_S)
            await taken_back(world, held)
            if restart < RESTARTS:
                held = await claimed(world, begun)

    assert (await world.agent(owner)).queue.status is AgentStatus.ERROR


async def test_it_comes_back_outside_the_bound_of_new_work(world: World) -> None:
    owner = await world.owner(limit=1)
    _, held = await asked(world, owner)
    session_id = await world.session(owner)
    for number in range(WAITING_LIMIT):
        await world.say(owner, session_id, f"{number}", queued=True)
    await world.stored.pass_time(AWAY_S)

    assert await taken_back(world, held)

    assert (await world.agent(owner)).queue.waiting == WAITING_LIMIT + 1
    with pytest.raises(LimitExceeded):
        await world.say(owner, session_id, "One too many", queued=True)


async def test_a_worker_hands_back_only_what_it_holds(world: World) -> None:
    owner = await world.owner()
    begun = await world.say(owner, await world.session(owner), "Hi", queued=True)
    (key,) = await world.queue.ready(limit=1)
    worker_id = world.new_id()
    held = await world.scope(owner).write(partial(claim, key=key, worker_id=worker_id))
    assert held is not None
    scope = world.scope(owner)

    assert await scope.write(partial(take_back, key=key, worker_id=world.new_id())) is None
    assert await scope.write(partial(take_back, key=key, worker_id=worker_id))
    assert await scope.write(partial(take_back, key=key, worker_id=worker_id)) is None
    assert (await world.run_of(owner, begun)).status is RunStatus.QUEUED

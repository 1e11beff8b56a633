"""Who is served next: users take turns, then agents, then sessions; inside a session first come, first served."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

import pytest

from domain.bus.claim import NotReady, claim
from domain.conversations.begin import Begun
from domain.conversations.entities import RunStatus
from domain.tasks.entities import Claim, TaskKey
from domain.tasks.ports import OpenTask
from tests.persistence.people import together
from tests.worlds import Owner, World


async def claimed(world: World, key: TaskKey, worker_id: UUID | None = None) -> Claim | None:
    """What a worker does with a key; time goes on behind it."""
    act = partial(claim, key=key, worker_id=worker_id or world.new_id())
    taken = await world.scopes.open(key.user_id).write(act)
    await world.stored.pass_time(1)
    return taken


async def served(world: World, count: int) -> list[UUID]:
    """The runs that are claimed one after another."""
    order = []
    for _ in range(count):
        (key,) = await world.queue.ready(limit=1)
        taken = await claimed(world, key)
        assert taken is not None
        order.append(taken.run_id)
    return order


async def queued(world: World, owner: Owner, content: str, session_id: UUID | None = None) -> Begun:
    return await world.say(owner, session_id or await world.session(owner), content, queued=True)


async def test_users_take_turns_however_many_agents_they_have(world: World) -> None:
    busy, other = await world.owner("a", "b", "c"), await world.owner("a")
    for handle in "abc":
        await queued(world, busy, f"@{handle} hi")
    await queued(world, other, "@a hi")

    at_once = await world.queue.ready(limit=2)
    everything = await world.queue.ready(limit=10)

    assert {key.user_id for key in at_once} == {busy.user_id, other.user_id}
    assert len(everything) == 4
    assert [key.user_id for key in everything[2:]] == [busy.user_id] * 2


async def test_whoever_was_served_longest_ago_comes_first(world: World) -> None:
    owners = [await world.owner(limit=10) for _ in range(3)]
    runs: dict[UUID, UUID] = {}
    for owner in owners:
        for _ in range(2):
            runs[(await queued(world, owner, "@coder hi")).run_id] = owner.user_id

    order = [runs[run_id] for run_id in await served(world, 6)]

    assert set(order[:3]) == {owner.user_id for owner in owners}
    assert order[3:] == order[:3]


async def test_a_users_agents_take_turns(world: World) -> None:
    owner = await world.owner("a", "b", limit=10)
    runs = {(await queued(world, owner, f"@{handle} hi")).run_id: handle for handle in "aab"}

    order = "".join(runs[run_id] for run_id in await served(world, 3))

    assert order in {"aba", "baa"}


async def test_an_agents_sessions_take_turns_and_each_is_served_in_order(world: World) -> None:
    owner = await world.owner(limit=10)
    talkative, quiet = await world.session(owner), await world.session(owner)
    first = await queued(world, owner, "@coder 1", talkative)
    second = await world.send_to_queue.edited(world.scope(owner), first.question_id, "@coder 2", "2")
    third = await world.send_to_queue.edited(world.scope(owner), first.question_id, "@coder 3", "3")
    other = await queued(world, owner, "@coder 4", quiet)

    order = await served(world, 4)

    assert order == [first.run_id, other.run_id, second.run_id, third.run_id]


async def test_a_task_whose_branch_is_still_being_answered_lets_others_go_first(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    await queued(world, owner, "@coder 1", session_id)
    await queued(world, owner, "@coder 2", session_id)
    other = await queued(world, owner, "@coder 3")

    first, second = await served(world, 2)

    assert second == other.run_id
    assert first != other.run_id
    assert await world.queue.ready(limit=10) == []


async def test_agents_without_a_free_slot_and_deleted_things_are_passed_over(world: World) -> None:
    owner = await world.owner("full", "buried", "free", limit=1)
    for handle in ("full", "full", "buried", "free"):
        await queued(world, owner, f"@{handle} hi")
    await claimed(
        world, next(k for k in await world.queue.ready(limit=9) if k.agent_id == owner.agents["full"])
    )
    await world.write(owner, lambda p: p.agents.bury(owner.agents["buried"]))

    ready = await world.queue.ready(limit=10)

    assert [key.agent_id for key in ready] == [owner.agents["free"]]
    assert ready[0].user_id == owner.user_id
    assert ready[0].project_id == owner.project_id


async def test_a_claim_takes_a_slot_and_says_so(world: World) -> None:
    owner = await world.owner()
    begun = await queued(world, owner, "@coder hi")
    (key,) = await world.queue.ready(limit=10)
    world.forget()

    taken = await claimed(world, key)

    run = await world.run_of(owner, begun)
    assert taken == Claim(
        key, begun.session_id, run.id, run.question_id, run.answer_id, 1, fence=1, generation=0
    )
    assert run.status is RunStatus.RUNNING
    assert run.started_at is not None
    queue = (await world.agent(owner)).queue
    assert (queue.waiting, queue.running) == (0, 1)
    hint = {"kind": "AGENT_CHANGED", "agent_id": str(owner.agents["coder"])}
    assert world.hints.sent == [(f"project:{owner.user_id}:{owner.project_id}", hint)]
    assert len(world.live.published) == 1


async def test_one_of_many_workers_gets_a_task_and_the_others_leave_no_trace(world: World) -> None:
    owner = await world.owner(limit=10)
    await queued(world, owner, "@coder hi")
    await queued(world, owner, "@coder ho")
    key = (await world.queue.ready(limit=1))[0]

    async def attempt() -> Claim | None:
        try:
            return await claimed(world, key)
        except NotReady:
            return None

    outcomes = await together(attempt() for _ in range(10))

    assert len([outcome for outcome in outcomes if outcome]) == 1
    queue = (await world.agent(owner)).queue
    assert (queue.waiting, queue.running) == (1, 1)


async def test_a_key_that_is_out_of_date_claims_nothing(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    stopped = await queued(world, owner, "@coder 1", session_id)
    (key,) = await world.queue.ready(limit=1)
    await world.stop(world.scope(owner), stopped.run_id)
    assert await claimed(world, key) is None, "nothing waits any more"
    before = await queued(world, owner, "@coder 2", session_id)
    await queued(world, owner, "@coder 3", session_id)

    for again in (key, *_waiting_behind(await world.open_tasks(owner), before, key)):
        with pytest.raises(NotReady):
            await claimed(world, again)

    queue = (await world.agent(owner)).queue
    assert (queue.waiting, queue.running) == (2, 0)


def _waiting_behind(tasks: Sequence[OpenTask], before: Begun, key: TaskKey) -> list[TaskKey]:
    """The keys of the tasks that wait for another answer."""
    return [
        TaskKey(key.user_id, key.project_id, task.id, key.agent_id)
        for task in tasks
        if task.run_id != before.run_id
    ]

"""Waiting for an answer: as long as it takes and no longer, holding nothing meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from domain.bus.worker import WorkerTimes
from domain.conversations.begin import Begin, Begun
from domain.conversations.entities import RunStatus
from domain.conversations.send import NewMessageInput, Send
from domain.conversations.validate import MAX_WAIT_S, checked_wait
from domain.conversations.wait import WaitForRun
from domain.errors import Invalid
from tests.worlds import Owner, World


async def ended(world: World, owner: Owner, begun: Begun, *, seconds: float) -> RunStatus:
    await world.wait(world.scope(owner), begun, seconds=seconds)
    return (await world.run_of(owner, begun)).status


async def test_it_ends_with_the_run(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    begun = await world.say(owner, session_id)

    waiting = asyncio.create_task(ended(world, owner, begun, seconds=30))
    await asyncio.sleep(0)
    world.model.release()

    assert await waiting is RunStatus.SUCCEEDED


async def test_a_run_that_has_ended_is_not_waited_for(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    first = await world.asked(owner, session_id, "Hi")
    world.model.hold()
    key = "again"
    running = await world.say(owner, session_id, "Ho", key=key)

    same = await world.say(owner, session_id, "Ho", key=key)

    assert same.seq is None
    assert await ended(world, owner, again(first), seconds=30) is RunStatus.SUCCEEDED
    waiting = asyncio.create_task(ended(world, owner, same, seconds=30))
    await asyncio.sleep(0)
    world.model.release()
    assert await waiting is RunStatus.SUCCEEDED
    assert same.run_id == running.run_id


def again(begun: Begun) -> Begun:
    """What a request that repeats an earlier one gets."""
    return replace(begun, seq=None, claim=None)


async def test_it_ends_with_the_time(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    begun = await world.say(owner, session_id)

    assert await ended(world, owner, begun, seconds=0.01) is RunStatus.RUNNING
    assert await ended(world, owner, begun, seconds=0) is RunStatus.RUNNING


async def test_other_runs_of_the_session_end_no_waiting(world: World) -> None:
    owner = await world.owner("coder", "writer")
    session_id = await world.session(owner)
    world.model.hold()
    first = await world.say(owner, session_id, "@coder one")
    second = await world.say(owner, session_id, "@writer two")

    waiting = asyncio.create_task(ended(world, owner, second, seconds=30))
    await asyncio.sleep(0)
    await world.stop(world.scope(owner), first.run_id)
    async with world.serving():
        await asyncio.sleep(0.01)
        assert not waiting.done()
        world.model.release()
        assert await waiting is RunStatus.SUCCEEDED


@pytest.mark.parametrize("here", [True, False])
async def test_it_ends_with_the_session_and_with_the_process(world: World, here: bool) -> None:
    owner = await world.owner()
    world.model.hold()
    async with world.serving():
        begun = [await world.say(owner, await world.session(owner)) for _ in range(2)]
        if not here:
            begun = [replace(each, claim=None) for each in begun]  # as if another process worked on it
        waiting = [asyncio.create_task(world.wait(world.scope(owner), each, seconds=30)) for each in begun]
        while world.tails.readers < (0 if here else 2):
            await asyncio.sleep(0)

        await world.sessions.delete(world.scope(owner), begun[0].session_id)
        await waiting[0]
        await world.tails.aclose()
        await waiting[1]


async def test_work_that_is_handed_back_is_waited_for_wherever_it_goes(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    leaving = world.another_worker(times=WorkerTimes(drain_s=0))
    send = Send(begin=Begin(new_id=world.new_id, labour=leaving), labour=leaving)
    wait = WaitForRun(world.tails, work=leaving)
    world.model.hold()
    begun = await send.message(world.scope(owner), session_id, NewMessageInput("@coder Hi", "key"))

    waiting = asyncio.create_task(wait(world.scope(owner), begun, seconds=30))
    await asyncio.sleep(0)
    await leaving.drain()
    world.model.release()
    async with world.serving():
        await waiting

    assert (await world.run_of(owner, begun)).status is RunStatus.SUCCEEDED


async def test_no_connection_is_held_while_waiting(world: World) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    begun = await world.say(owner, session_id)
    scope = world.scope(owner)
    await scope.read(lambda tx: tx.projects.session(session_id))

    waiting = asyncio.create_task(world.wait(scope, begun, seconds=30))
    for _ in range(200):
        await asyncio.sleep(0.001)
        if not world.connections_held():
            break

    assert world.connections_held() == 0
    world.model.release()
    await waiting


@pytest.mark.parametrize("seconds", [-0.1, MAX_WAIT_S + 0.1, float("nan"), float("inf")])
def test_a_time_that_nobody_waits_is_refused(seconds: float) -> None:
    with pytest.raises(Invalid, match="0 to 30 seconds"):
        checked_wait(seconds)


def test_a_time_is_taken_as_it_is() -> None:
    assert [checked_wait(seconds) for seconds in (None, 0, 1.5, MAX_WAIT_S)] == [0, 0, 1.5, MAX_WAIT_S]

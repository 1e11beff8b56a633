"""The worker of one process: what it claims, keeps, hears, loses and gives back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID

import pytest

from domain.bus.guard import Guard, Held
from domain.bus.worker import CANCEL_S, Worker, WorkerTimes
from domain.conversations.entities import MessageStatus, RunStatus
from domain.errors import Unavailable
from domain.events.live import Appended, Delta, SessionKey
from domain.tasks.entities import Claim, TaskKey
from persistence.unowned import Unowned
from tests.clock import FakeClock
from tests.worlds import Owner, World, until

NEVER = WorkerTimes(lease_s=15, heartbeat_s=3_600, poll_s=3_600, drain_s=0)
OFTEN = WorkerTimes(lease_s=15, heartbeat_s=0.01, poll_s=0.01, drain_s=0)


class Watched(Unowned):
    """The queue, counting what is asked of it; `trouble` is raised instead of answers, one after another."""

    def __init__(self, world: World, *trouble: Exception) -> None:
        super().__init__(world.database)
        self.trouble = list(trouble)
        self.looks = 0
        self.renewals = 0

    async def ready(self, *, limit: int) -> Sequence[TaskKey]:
        self.looks += 1
        if self.trouble:
            raise self.trouble.pop(0)
        return await super().ready(limit=limit)

    async def renew(self, worker_id: UUID, task_ids: Collection[UUID], *, lease_s: float) -> Collection[UUID]:
        kept = await super().renew(worker_id, task_ids, lease_s=lease_s)
        self.renewals += 1
        return kept


async def waiting(world: World, owner: Owner, count: int) -> list[UUID]:
    """The runs of messages that wait in sessions of their own."""
    begun = [await world.say(owner, await world.session(owner), f"{n}", queued=True) for n in range(count)]
    return [each.run_id for each in begun]


async def statuses(world: World, owner: Owner, runs: Sequence[UUID]) -> list[RunStatus]:
    found = await world.read(owner, lambda p: p.runs.many(runs))
    return [found[run_id].status for run_id in runs]


async def eventually(found: Callable[[], Awaitable[object]], wanted: object) -> None:
    async with asyncio.timeout(60):
        while await found() != wanted:
            await asyncio.sleep(0.002)


async def test_it_runs_no_more_than_it_can_and_goes_on_when_there_is_room(world: World) -> None:
    owner = await world.owner(limit=10)
    runs = await waiting(world, owner, 5)
    world.model.hold()
    worker = world.another_worker(capacity=2, times=NEVER)

    async with world.serving(worker):
        await until(lambda: world.model.waiting == 2)
        assert (worker.running, worker.accepts) == (2, False)
        assert await world.queue.queue_depth() == (3, 2)
        world.model.release()
        await eventually(world.queue.queue_depth, (0, 0))

    assert await statuses(world, owner, runs) == [RunStatus.SUCCEEDED] * 5


async def test_an_agents_limit_holds_for_its_worker_and_the_next_one_is_woken(world: World) -> None:
    owner = await world.owner(limit=1)
    runs = await waiting(world, owner, 3)
    world.model.hold()
    worker = world.another_worker(times=NEVER)

    async with world.serving(worker):
        await until(lambda: world.model.waiting)
        assert worker.running == 1
        world.model.release()
        await eventually(world.queue.queue_depth, (0, 0))

    assert await statuses(world, owner, runs) == [RunStatus.SUCCEEDED] * 3


async def test_it_is_woken_when_a_message_is_queued(world: World) -> None:
    owner = await world.owner()
    queue = Watched(world)
    async with world.serving(world.another_worker(times=NEVER, queue=queue)):
        await until(lambda: queue.looks)
        await asyncio.sleep(0.01)

        runs = await waiting(world, owner, 1)
        await eventually(lambda: statuses(world, owner, runs), [RunStatus.SUCCEEDED])


async def test_a_wake_up_that_was_lost_is_made_up_for_by_looking(world: World) -> None:
    owner = await world.owner()
    world.hints.lost = True
    async with world.serving(world.another_worker(times=OFTEN)):
        runs = await waiting(world, owner, 1)

        await eventually(lambda: statuses(world, owner, runs), [RunStatus.SUCCEEDED])


async def test_heartbeats_keep_a_lease(world: World) -> None:
    owner = await world.owner()
    world.model.hold()
    runs = await waiting(world, owner, 1)
    queue = Watched(world)
    async with world.serving(world.another_worker(times=OFTEN, queue=queue)):
        await until(lambda: world.model.waiting)

        for _ in range(4):
            await world.stored.pass_time(9)
            renewals = queue.renewals
            await until(lambda: queue.renewals > renewals + 1)  # noqa: B023 - awaited in this round
        assert await world.queue.abandoned(limit=10) == []

        world.model.release()
        await eventually(lambda: statuses(world, owner, runs), [RunStatus.SUCCEEDED])


async def test_a_worker_whose_task_was_taken_lets_go_of_it_at_the_next_heartbeat(world: World) -> None:
    owner = await world.owner()
    world.model.hold()
    runs = await waiting(world, owner, 1)
    sleeper = world.another_worker(times=WorkerTimes(lease_s=15, heartbeat_s=0.01, poll_s=3_600))
    world.hints.lost = True
    async with world.serving(sleeper):
        await until(lambda: world.model.waiting)
        (task,) = await world.open_tasks(owner)
        await world.stop(world.scope(owner), task.run_id)

        await until(lambda: not sleeper.running)

    assert await statuses(world, owner, runs) == [RunStatus.CANCELLED]
    assert world.model.closed == 1


async def test_a_stop_is_heard_at_once(world: World) -> None:
    owner = await world.owner()
    world.model.hold()
    runs = await waiting(world, owner, 2)
    worker = world.another_worker(times=NEVER)
    async with world.serving(worker):
        await until(lambda: world.model.waiting == 2)
        await world.stop(world.scope(owner), runs[0])
        await until(lambda: worker.running == 1)

        world.model.release()
        await eventually(lambda: statuses(world, owner, runs), [RunStatus.CANCELLED, RunStatus.SUCCEEDED])


async def test_a_lost_worker_is_replaced_and_can_do_no_harm(world: World) -> None:
    owner = await world.owner()
    world.model.hold()
    begun = await world.say(owner, await world.session(owner), "Hi")
    assert begun.claim is not None
    await until(lambda: world.model.waiting)
    key, answer_id = SessionKey(owner.user_id, begun.session_id), begun.claim.answer_id
    await world.stored.pass_time(16)

    async with world.serving(world.another_worker(times=OFTEN)):
        await until(lambda: world.model.waiting == 2)
        stale = await world.live.append(key, Delta(answer_id, 0, 13, "from the grave"))
        world.model.release()
        await eventually(lambda: statuses(world, owner, [begun.run_id]), [RunStatus.SUCCEEDED])

    assert stale is Appended.STALE
    answer = await world.message(owner, answer_id)
    assert (answer.content, answer.generation, answer.status) == ("Answer to: Hi", 1, MessageStatus.COMPLETE)


async def test_a_drained_worker_hands_back_what_does_not_end_in_time(world: World) -> None:
    owner = await world.owner()
    world.model.hold()
    runs = await waiting(world, owner, 2)
    worker = world.another_worker(times=NEVER)
    async with world.serving(worker):
        await until(lambda: world.model.waiting == 2)
        await worker.drain()

        assert (worker.running, worker.accepts) == (0, False)
        assert await statuses(world, owner, runs) == [RunStatus.QUEUED] * 2
        assert {task.generation for task in await world.open_tasks(owner)} == {1}
        assert await world.queue.queue_depth() == (2, 0)
        await waiting(world, owner, 1)
        await asyncio.sleep(0.02)
        assert worker.running == 0

    world.model.release()
    await world.work_off(world.another_worker())
    assert await statuses(world, owner, runs) == [RunStatus.SUCCEEDED] * 2


async def test_a_drained_worker_lets_end_what_ends_in_time(world: World) -> None:
    owner = await world.owner()
    world.model.hold()
    runs = await waiting(world, owner, 1)
    worker = world.another_worker(times=WorkerTimes(drain_s=20, poll_s=3_600))
    async with world.serving(worker):
        await until(lambda: world.model.waiting)
        draining = asyncio.create_task(worker.drain())
        await asyncio.sleep(0)
        world.model.release()
        await draining

    assert await statuses(world, owner, runs) == [RunStatus.SUCCEEDED]


async def test_a_claim_under_way_when_draining_begins_is_handed_back_too(world: World) -> None:
    owner = await world.owner()
    runs = await waiting(world, owner, 1)
    world.model.hold()
    held = asyncio.Event()

    class Slow(Unowned):
        async def ready(self, *, limit: int) -> Sequence[TaskKey]:
            keys = await super().ready(limit=limit)
            await held.wait()
            return keys

    worker = world.another_worker(times=NEVER, queue=Slow(world.database))
    async with world.serving(worker):
        await asyncio.sleep(0.01)
        draining = asyncio.create_task(worker.drain())
        await asyncio.sleep(0)
        held.set()
        await draining

    assert worker.running == 0
    assert await statuses(world, owner, runs) == [RunStatus.QUEUED]


async def test_a_task_that_is_handed_back_counts_as_no_restart(world: World) -> None:
    owner = await world.owner()
    world.model.hold()
    runs = await waiting(world, owner, 1)
    for _ in range(6):
        worker = world.another_worker(times=NEVER)
        async with world.serving(worker):
            await until(lambda: world.model.waiting)
            await worker.drain()

    await world.stored.pass_time(60)
    world.model.release()
    await world.work_off(world.another_worker())

    assert await statuses(world, owner, runs) == [RunStatus.SUCCEEDED]


async def test_a_worker_that_comes_alone_takes_over_at_once(world: World) -> None:
    owner = await world.owner()
    world.model.hold()
    begun = await world.say(owner, await world.session(owner), "Hi")
    await until(lambda: world.model.waiting)
    newcomer = Worker(
        world.new_id(),
        queue=world.queue,
        scopes=world.scopes,
        live=world.live,
        hints=world.hints,
        work=world.runner(),
        capacity=1,
        monotonic=world.clock.monotonic_s,
        times=OFTEN,
        alone=True,
    )

    async with world.serving(newcomer):
        await until(lambda: world.model.waiting == 2)
        world.model.release()
        await eventually(lambda: statuses(world, owner, [begun.run_id]), [RunStatus.SUCCEEDED])

    assert (await world.answer_to(owner, begun)).generation == 1


async def test_a_lost_database_and_faults_are_outlived(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    owner = await world.owner()
    runs = await waiting(world, owner, 1)
    queue = Watched(world, Unavailable("Away."), RuntimeError("a fault"))

    with caplog.at_level(logging.WARNING, "codelab.engine"):
        async with world.serving(world.another_worker(times=OFTEN, queue=queue)):
            await eventually(lambda: statuses(world, owner, runs), [RunStatus.SUCCEEDED])

    assert [record.message for record in caplog.records] == [
        "the engine waits for its database",
        "a round of the engine failed; the next one follows",
    ]


async def test_a_task_that_can_not_be_claimed_blocks_no_other(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    owner, other = await world.owner(), await world.owner()
    await waiting(world, owner, 1)
    runs = await waiting(world, other, 1)

    class Broken(Unowned):
        async def ready(self, *, limit: int) -> Sequence[TaskKey]:
            keys = await super().ready(limit=limit)
            nowhere = TaskKey(owner.user_id, owner.project_id, None, owner.agents["coder"])  # type: ignore[arg-type]  # the fault
            return [nowhere, *keys]

    with caplog.at_level(logging.ERROR, "codelab.engine"):
        async with world.serving(world.another_worker(times=OFTEN, queue=Broken(world.database))):
            await eventually(lambda: statuses(world, other, runs), [RunStatus.SUCCEEDED])


async def test_it_goes_on_by_looking_when_hints_can_not_be_heard(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await world.owner()

    def fails(_: str) -> object:
        raise RuntimeError("no hints")

    monkeypatch.setattr(world.hints, "listen", fails)
    with caplog.at_level(logging.ERROR, "codelab.engine"):
        async with world.serving(world.another_worker(times=OFTEN)):
            runs = await waiting(world, owner, 1)
            await eventually(lambda: statuses(world, owner, runs), [RunStatus.SUCCEEDED])

    assert {record.message for record in caplog.records} == {
        "the engine hears no hints; it goes on by polling"
    }


async def test_what_fails_outside_its_own_handling_is_logged_and_found_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    owner = await world.owner()
    runs = await waiting(world, owner, 1)

    async def breaks(_: Claim, __: Guard) -> None:
        raise RuntimeError("a fault")

    worker = world.another_worker(times=NEVER, work=breaks)
    with caplog.at_level(logging.ERROR, "codelab.engine"):
        async with world.serving(worker):
            await until(lambda: caplog.records)
            await until(lambda: not worker.running)

    assert [record.message for record in caplog.records] == ["a task failed outside its own handling"]
    await world.stored.pass_time(60)
    await world.work_off(world.another_worker(times=OFTEN))
    assert await statuses(world, owner, runs) == [RunStatus.SUCCEEDED]


async def test_a_worker_that_gets_its_own_lost_task_again_works_on_it_once(world: World) -> None:
    owner = await world.owner()
    runs = await waiting(world, owner, 1)
    world.model.hold()
    worker = world.another_worker(times=WorkerTimes(heartbeat_s=3_600, poll_s=0.01))
    async with world.serving(worker):
        await until(lambda: world.model.waiting)
        (first,) = await world.open_tasks(owner)
        await world.stored.pass_time(16)
        await until(lambda: world.model.waiting == 1 and len(world.model.requests) == 2)

        assert worker.running == 1
        (second,) = await world.open_tasks(owner)
        assert second.generation == first.generation + 1
        world.model.release()
        await eventually(lambda: statuses(world, owner, runs), [RunStatus.SUCCEEDED])
        await until(lambda: not worker.running)


def test_the_guard_is_open_as_long_as_the_lease_by_the_processs_own_clock() -> None:
    clock = FakeClock()
    held = Held(None, valid_until=clock.monotonic_s() + 15)  # type: ignore[arg-type]  # nobody asks whose claim it is
    guard = Guard(held, clock.monotonic_s)

    opened = [guard.open]
    clock.advance(15)
    opened.append(guard.open)
    held.valid_until += 15
    opened.append(guard.open)
    guard.record()

    assert opened == [True, False, True]
    assert held.recording


def test_a_lease_outlives_two_lost_heartbeats() -> None:
    times = WorkerTimes()

    assert times.heartbeat_s * 3 <= times.lease_s
    assert times.lease_s > CANCEL_S

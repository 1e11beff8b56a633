"""Tasks: a queue and a journal in which every write to a running task names its fence."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
import sqlalchemy as sa

from domain.conversations.entities import MessageStatus, Usage
from domain.tasks.entities import Claim, TaskKey, TaskStatus
from domain.tasks.ports import ModelCall, NewTask, OpenTask
from persistence.statements import Rows
from persistence.tables.engine import steps, usage
from tests.trees import Tree
from tests.worlds import Owner, World

LEASE_S = 15.0


class Tasks:
    """Tasks of one run, made by hand: no counter is kept."""

    def __init__(self, world: World, owner: Owner, tree: Tree, ids: list[UUID]) -> None:
        self.world = world
        self.owner = owner
        self.tree = tree
        self.question_id, self.answer_id = ids
        self.run_id: UUID
        self.worker_id = world.new_id()

    def new(self, *, after: UUID | None = None) -> NewTask:
        return NewTask(
            id=self.world.new_id(),
            session_id=self.tree.session_id,
            run_id=self.run_id,
            agent_id=self.owner.agents["coder"],
            agent_version=4,
            answer_id=self.answer_id,
            after_message_id=after,
            ticket=1,
        )

    async def queued(self, *, after: UUID | None = None) -> UUID:
        new = self.new(after=after)
        await self.world.write(self.owner, lambda p: p.tasks.add_queued(new))
        return new.id

    async def running(self) -> Claim:
        new = self.new()
        return await self.world.write(
            self.owner,
            lambda p: p.tasks.add_claimed(
                new, question_id=self.question_id, worker_id=self.worker_id, lease_s=LEASE_S
            ),
        )

    async def claim(self, task_id: UUID) -> Claim | None:
        return await self.world.write(
            self.owner, lambda p: p.tasks.claim(task_id, worker_id=self.worker_id, lease_s=LEASE_S)
        )

    async def end(self, claim: Claim) -> bool:
        return await self.world.write(
            self.owner, lambda p: p.tasks.end(claim, status=TaskStatus.SUCCEEDED, problem=None)
        )

    async def take_back(self, task_id: UUID, worker_id: UUID | None = None) -> tuple[OpenTask, int] | None:
        return await self.world.write(self.owner, lambda p: p.tasks.take_back(task_id, worker_id=worker_id))

    async def close(self, task: OpenTask) -> float | None:
        return await self.world.write(
            self.owner, lambda p: p.tasks.close(task, status=TaskStatus.CANCELLED, problem="Why")
        )

    async def open(self, task_id: UUID) -> OpenTask:
        return next(task for task in await self.world.open_tasks(self.owner) if task.id == task_id)


@pytest.fixture
async def tasks(world: World) -> Tasks:
    """A run without tasks."""
    owner = await world.owner()
    tree = await Tree.plant(world, owner)
    made = Tasks(world, owner, tree, await tree.grow("a", "b", status=MessageStatus.STREAMING))
    made.run_id = await tree.answered(made.question_id, made.answer_id)
    for task in await world.open_tasks(owner):
        await made.close(task)
    return made


async def test_a_task_is_claimed_once_with_all_that_its_worker_needs(tasks: Tasks) -> None:
    task_id = await tasks.queued()

    claims = [await tasks.claim(task_id) for _ in range(2)]

    key = TaskKey(tasks.owner.user_id, tasks.owner.project_id, task_id, tasks.owner.agents["coder"])
    assert claims == [
        Claim(key, tasks.tree.session_id, tasks.run_id, tasks.question_id, tasks.answer_id, 4, 1, 0),
        None,
    ]


async def test_a_task_is_born_claimed_with_a_lease_of_its_own(tasks: Tasks) -> None:
    claim = await tasks.running()

    assert (claim.fence, claim.generation, claim.agent_version) == (1, 0, 4)
    assert (await tasks.open(claim.task.task_id)).status is TaskStatus.RUNNING
    assert await tasks.take_back(claim.task.task_id) is None
    await tasks.world.stored.pass_time(LEASE_S + 1)
    assert await tasks.take_back(claim.task.task_id)


async def test_a_task_waits_for_the_answer_before_it(tasks: Tasks) -> None:
    task_id = await tasks.queued(after=tasks.answer_id)
    assert await tasks.claim(task_id) is None

    await tasks.world.write(
        tasks.owner,
        lambda p: p.messages.complete(
            tasks.answer_id, status=MessageStatus.FAILED, content="", model=None, usage=Usage()
        ),
    )

    assert await tasks.claim(task_id)


async def test_a_task_whose_answer_before_it_is_gone_does_not_wait(tasks: Tasks) -> None:
    task_id = await tasks.queued(after=tasks.world.new_id())

    assert await tasks.claim(task_id)


async def test_a_task_ends_once_and_under_its_fence(tasks: Tasks) -> None:
    claim = await tasks.running()

    assert not await tasks.end(replace(claim, fence=claim.fence + 1))
    assert not await tasks.end(replace(claim, fence=claim.fence - 1))
    assert await tasks.end(claim)
    assert not await tasks.end(claim)

    assert await tasks.world.open_tasks(tasks.owner) == []


async def test_taking_back_raises_fence_and_generation_and_counts_lost_workers_only(tasks: Tasks) -> None:
    claim = await tasks.running()
    task_id = claim.task.task_id
    await tasks.world.stored.pass_time(LEASE_S + 1)

    lost = await tasks.take_back(task_id)
    assert lost is not None
    assert (lost[0].generation, lost[0].status, lost[1]) == (1, TaskStatus.QUEUED, 1)
    assert not await tasks.end(claim)
    again = await tasks.claim(task_id)
    assert again is not None
    assert (again.fence, again.generation) == (3, 1)

    handed_back = await tasks.take_back(task_id, tasks.worker_id)
    assert handed_back is not None
    assert (handed_back[0].generation, handed_back[1]) == (2, 1)
    assert await tasks.take_back(task_id, tasks.worker_id) is None


async def test_a_task_is_closed_only_as_it_was_read(tasks: Tasks) -> None:
    task_id = await tasks.queued()
    read = await tasks.open(task_id)
    claim = await tasks.claim(task_id)
    assert claim is not None

    assert await tasks.close(read) is None
    assert await tasks.close(replace(await tasks.open(task_id), generation=7)) is None
    await tasks.world.stored.pass_time(2)
    took = await tasks.close(await tasks.open(task_id))

    assert took is not None
    assert 2 <= took < 60
    assert not await tasks.end(claim)
    assert await tasks.world.open_tasks(tasks.owner) == []


async def test_a_task_that_never_ran_took_no_time(tasks: Tasks) -> None:
    task_id = await tasks.queued()

    assert await tasks.close(await tasks.open(task_id)) == 0.0


async def test_open_tasks_are_found_by_what_they_belong_to_in_order(tasks: Tasks) -> None:
    made = sorted([await tasks.queued(), (await tasks.running()).task.task_id])
    other_session, other_agent = await Tree.plant(tasks.world, tasks.owner), tasks.world.new_id()
    pair = await other_session.grow("c", "d")
    other_run = await other_session.answered(pair[0], pair[1])
    done = await tasks.running()
    await tasks.end(done)

    async def ids(find: str, *arguments: UUID) -> list[UUID]:
        found = await tasks.world.read(tasks.owner, lambda p: getattr(p.tasks, find)(*arguments))
        return [task.id for task in found]

    everything = await ids("open_of_project")
    assert await ids("open_of_run", tasks.run_id) == made
    assert await ids("open_of_session", tasks.tree.session_id) == made
    assert await ids("open_of_agent", tasks.owner.agents["coder"]) == everything
    assert await ids("open_of_agent", other_agent) == []
    assert len(everything) == 3
    assert set(made) < set(everything)
    assert (set(everything) - set(made)) == set(await ids("open_of_run", other_run))


async def test_steps_and_what_they_cost_are_recorded_with_their_owner(tasks: Tasks) -> None:
    claim, usage_id = await tasks.running(), tasks.world.new_id()
    call = ModelCall("m", Usage(1, 2, 3, 1, 0.5), price_known=False, estimated=True)

    await tasks.world.write(
        tasks.owner, lambda p: p.tasks.record_step(claim, position=0, response={"text": "Текст", "n": [1]})
    )
    await tasks.world.write(
        tasks.owner, lambda p: p.tasks.record_usage(usage_id=usage_id, claim=claim, call=call)
    )

    def work(connection: sa.Connection) -> tuple[list[sa.Row[object]], list[sa.Row[object]]]:
        recorded = sa.select(steps.c.user_id, steps.c.project_id, steps.c.task_id, steps.c.response)
        paid = sa.select(
            usage.c.id, usage.c.task_id, usage.c.cost_micro_usd, usage.c.price_known, usage.c.estimated
        )
        return list(connection.execute(recorded)), list(connection.execute(paid))

    recorded, paid = await tasks.world.database.read(work, user_id=tasks.owner.user_id)
    owner, task_id = tasks.owner, claim.task.task_id
    assert [tuple(row) for row in recorded] == [
        (owner.user_id, owner.project_id, task_id, {"text": "Текст", "n": [1]})
    ]
    assert [tuple(row) for row in paid] == [(usage_id, task_id, 3, False, True)]


async def test_another_owner_reaches_none_of_it(tasks: Tasks) -> None:
    task_id, claim = await tasks.queued(), await tasks.running()
    world, mine = tasks.world, tasks.owner
    before = await world.open_tasks(mine)
    await world.stored.pass_time(LEASE_S + 1)
    for owner in (await world.owner(), await world.project(mine)):
        tasks.owner = owner
        assert await world.open_tasks(owner) == []
        assert await tasks.claim(task_id) is None
        assert not await tasks.end(claim)
        assert await tasks.take_back(claim.task.task_id) is None
        assert [await tasks.close(task) for task in before] == [None, None]

    assert await world.open_tasks(mine) == before


async def test_tasks_are_reached_inside_a_project_only(world: World) -> None:
    from persistence.repositories.tasks import SqlTasks

    def work(connection: sa.Connection) -> None:
        SqlTasks(Rows(connection, user_id=world.new_id()))._key(world.new_id(), world.new_id())

    with pytest.raises(TypeError, match="inside a project"):
        await world.database.read(work, user_id=world.new_id())

"""Runs: the moves they may make, their list, and what a key finds."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from domain.conversations.entities import RunMode, RunStatus, Usage
from domain.conversations.moved import Moved
from domain.conversations.ports import KnownRun, NewRun
from domain.conversations.states import RUN_ENDS
from domain.errors import Invalid
from domain.pages import Page, PageRequest
from tests.trees import AGENT, Tree
from tests.worlds import Owner, World


class Runs:
    """Runs of one session, made by hand."""

    def __init__(self, world: World, owner: Owner, tree: Tree, ids: list[UUID]) -> None:
        self.world = world
        self.owner = owner
        self.session_id = tree.session_id
        self.question_id, self.answer_id = ids
        self.position = 0

    async def add(
        self, status: RunStatus = RunStatus.QUEUED, *, key: str | None = None, run_id: UUID | None = None
    ) -> UUID:
        self.position += 1
        run = NewRun(
            id=run_id or self.world.new_id(),
            session_id=self.session_id,
            position=self.position,
            mode=RunMode.AUTO,
            status=status,
            question_id=self.question_id,
            answer_id=self.answer_id,
            agent=AGENT,
            confidence=0.75,
            reason="Потому что",
            key=key or f"key {self.position}",
            input_hash="hash",
        )
        await self.world.write(self.owner, lambda p: p.runs.add(run))
        return run.id

    async def finish(self, run_id: UUID, status: RunStatus = RunStatus.SUCCEEDED) -> bool:
        return await self.world.write(
            self.owner,
            lambda p: p.runs.finish(
                run_id, status=status, problem="Why", model="m", usage=Usage(1, 2, 3, 4, 0.5)
            ),
        )

    async def start(self, run_id: UUID) -> bool:
        return await self.world.write(self.owner, lambda p: p.runs.start(run_id))

    async def requeue(self, run_id: UUID) -> None:
        await self.world.write(self.owner, lambda p: p.runs.requeue(run_id))

    async def status(self, run_id: UUID) -> RunStatus:
        return (await self.world.run_of(self.owner, run_id)).status

    async def page(self, request: PageRequest, status: RunStatus | None = None) -> Page[UUID]:
        found = await self.world.read(
            self.owner, lambda p: p.runs.page(self.session_id, request, status=status)
        )
        ids = tuple(run.id for run in found.nodes)
        return Page(ids, found.positions, found.has_next, found.has_previous, found.total)


@pytest.fixture
async def runs(world: World) -> Runs:
    """No run yet, but a question and an answer for any number of them."""
    owner = await world.owner()
    tree = await Tree.plant(world, owner)
    return Runs(world, owner, tree, await tree.grow("a", "b"))


async def test_a_run_is_read_as_it_was_added(runs: Runs) -> None:
    queued, running = await runs.add(), await runs.add(RunStatus.RUNNING)

    first, second = await runs.world.run_of(runs.owner, queued), await runs.world.run_of(runs.owner, running)

    assert (first.project_id, first.session_id) == (runs.owner.project_id, runs.session_id)
    assert (first.mode, first.status, first.agent) == (RunMode.AUTO, RunStatus.QUEUED, AGENT)
    assert (first.question_id, first.answer_id) == (runs.question_id, runs.answer_id)
    assert (first.confidence, first.reason, first.problem, first.model) == (0.75, "Потому что", None, None)
    assert (first.usage, first.started_at, first.finished_at) == (Usage(), None, None)
    assert second.started_at is not None
    assert second.started_at.utcoffset() is not None


async def test_a_run_starts_once_and_keeps_the_time_of_its_first_start(runs: Runs) -> None:
    run_id = await runs.add()

    assert [await runs.start(run_id) for _ in range(2)] == [True, False]
    first = (await runs.world.run_of(runs.owner, run_id)).started_at
    runs.world.clock.advance(5)
    await runs.requeue(run_id)
    assert await runs.status(run_id) is RunStatus.QUEUED
    assert await runs.start(run_id)

    assert (await runs.world.run_of(runs.owner, run_id)).started_at == first


@pytest.mark.parametrize("status", sorted(RUN_ENDS))
async def test_a_run_that_has_ended_moves_nowhere(runs: Runs, status: RunStatus) -> None:
    run_id = await runs.add(RunStatus.RUNNING)
    assert await runs.finish(run_id, status)

    assert not await runs.finish(run_id, RunStatus.FAILED)
    assert not await runs.start(run_id)
    await runs.requeue(run_id)

    run = await runs.world.run_of(runs.owner, run_id)
    assert (run.status, run.problem, run.model) == (status, "Why", "m")
    assert run.usage == Usage(1, 2, 3, 4, 0.5)
    assert run.finished_at is not None


async def test_the_newest_run_comes_first_in_pages_both_ways_and_by_status(runs: Runs) -> None:
    ids = [await runs.add() for _ in range(5)]
    await runs.finish(ids[1])
    await runs.finish(ids[3])

    first = await runs.page(PageRequest(2))
    second = await runs.page(PageRequest(2, first.positions[-1]))
    late = await runs.add()
    third = await runs.page(PageRequest(2, second.positions[-1]))
    back = await runs.page(PageRequest(2, third.positions[0], backward=True))
    done = await runs.page(PageRequest(1), RunStatus.SUCCEEDED)
    done_next = await runs.page(PageRequest(1, done.positions[0]), RunStatus.SUCCEEDED)

    assert first.nodes + second.nodes + third.nodes == tuple(reversed(ids))
    assert back.nodes == second.nodes
    assert (first.total, third.total, back.total) == (5, 6, 6)
    assert (done.nodes, done.total, done.has_next) == ((ids[3],), 2, True)
    assert (done_next.nodes, done_next.total, done_next.has_next) == ((ids[1],), 2, False)
    assert (await runs.page(PageRequest(1))).nodes == (late,)
    assert (await runs.page(PageRequest(10), RunStatus.PAUSED)) == Page((), (), False, False, 0)
    with pytest.raises(Invalid):
        await runs.page(PageRequest(1, "x"))


async def test_a_key_finds_its_run_and_is_taken(runs: Runs) -> None:
    run_id = await runs.add(key="k")

    async def by_key(session_id: UUID) -> KnownRun | None:
        return await runs.world.read(runs.owner, lambda p: p.runs.by_key(session_id, "k"))

    assert await by_key(runs.session_id) == KnownRun(run_id, runs.question_id, "hash")
    assert await by_key(await runs.world.session(runs.owner)) is None
    with pytest.raises(Moved):
        await runs.add(key="k")
    with pytest.raises(IntegrityError):  # an id that is used twice is a bug, and nobody moved
        await runs.add(run_id=run_id)


async def test_another_owner_reaches_none_of_it(runs: Runs) -> None:
    run_id = await runs.add(key="k")
    world, mine = runs.world, runs.owner
    for owner in (await world.owner(), await world.project(mine)):
        runs.owner = owner
        assert await world.read(owner, lambda p: p.runs.many([run_id])) == {}
        assert await world.read(owner, lambda p: p.runs.by_key(runs.session_id, "k")) is None
        assert (await runs.page(PageRequest(10))).total == 0
        assert not await runs.start(run_id)
        assert not await runs.finish(run_id)
    runs.owner = mine
    await runs.start(run_id)
    for owner in (await world.owner(), await world.project(mine)):
        await world.write(owner, lambda p: p.runs.requeue(run_id))

    assert await runs.status(run_id) is RunStatus.RUNNING

"""The agents' counters hold their bounds, whoever else is at work."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from domain.agents.entities import WAITING_LIMIT, AgentStatus, Queue
from domain.agents.inputs import AgentInput
from domain.agents.ports import SlotRows
from persistence.postgres import PostgresDatabase
from persistence.scopes import SqlUserScope
from tests.persistence.databases import Stored
from tests.persistence.people import People, reading, the_agent, together

T = TypeVar("T")

CONNECTIONS = 30


class Slots:
    """One agent's counters, each operation in a transaction of its own."""

    def __init__(self, scope: SqlUserScope, project_id: UUID, agent_id: UUID) -> None:
        self.scope = scope
        self.project_id = project_id
        self.agent_id = agent_id

    async def do(self, work: Callable[[SlotRows], T]) -> T:
        return await self.scope.write(lambda tx: work(tx.project(self.project_id).slots))

    async def take_running(self) -> int | None:
        return await self.do(lambda slots: slots.take_running(self.agent_id))

    async def take_waiting(self) -> int | None:
        return await self.do(lambda slots: slots.take_waiting(self.agent_id))

    async def start_waiting(self) -> bool:
        return await self.do(lambda slots: slots.start_waiting(self.agent_id))

    async def finish(self, *, succeeded: bool | None = True, seconds: float = 1.0) -> None:
        await self.do(lambda slots: slots.finish(self.agent_id, succeeded=succeeded, seconds=seconds))

    async def queue(self) -> Queue:
        return (await the_agent(self.scope, self.project_id, self.agent_id)).queue


@pytest.fixture
async def slots(people: People) -> Slots:
    """The counters of an agent that runs two at a time."""
    scope = await people.person()
    project_id = await people.project(scope)
    agent_id = await people.agent(scope, project_id, AgentInput(name="Agent", concurrency_limit=2))
    return Slots(scope, project_id, agent_id)


async def test_slots_are_given_out_up_to_the_limit(slots: Slots) -> None:
    assert await slots.queue() == Queue(0, 0, 2, 0)

    assert [await slots.take_running() for _ in range(3)] == [1, 2, None]

    queue = await slots.queue()
    assert queue == Queue(0, 2, 2, 0)
    assert queue.status is AgentStatus.BUSY


async def test_nobody_overtakes_what_waits(slots: Slots) -> None:
    await slots.take_waiting()

    assert await slots.take_running() is None


async def test_a_hundred_may_wait_and_tickets_go_on(slots: Slots) -> None:
    await slots.take_running()

    tickets = [await slots.take_waiting() for _ in range(WAITING_LIMIT + 1)]

    assert tickets == [*range(2, WAITING_LIMIT + 2), None]
    assert await slots.queue() == Queue(WAITING_LIMIT, 1, 2, 0)


async def test_what_waits_starts_when_a_slot_is_free(slots: Slots) -> None:
    assert not await slots.start_waiting()
    for _ in range(3):
        await slots.take_waiting()

    assert [await slots.start_waiting() for _ in range(3)] == [True, True, False]

    assert await slots.queue() == Queue(1, 2, 2, 0)
    await slots.finish()
    assert await slots.start_waiting()


async def test_work_that_lost_its_worker_waits_again_outside_the_bound(slots: Slots) -> None:
    await slots.take_running()
    for _ in range(WAITING_LIMIT):
        await slots.take_waiting()

    await slots.do(lambda rows: rows.back_to_waiting(slots.agent_id))

    assert await slots.queue() == Queue(WAITING_LIMIT + 1, 0, 2, 0)
    assert await slots.take_waiting() is None


async def test_work_that_waited_may_leave(slots: Slots) -> None:
    for _ in range(3):
        await slots.take_waiting()

    await slots.do(lambda rows: rows.leave_waiting(slots.agent_id))
    await slots.do(lambda rows: rows.leave_waiting(slots.agent_id, 2))

    assert await slots.queue() == Queue(0, 0, 2, 0)


@pytest.mark.parametrize(
    "operation",
    [
        lambda rows, agent_id: rows.leave_waiting(agent_id),
        lambda rows, agent_id: rows.back_to_waiting(agent_id),
    ],
)
async def test_a_counter_never_goes_below_zero(
    slots: Slots, operation: Callable[[SlotRows, UUID], None]
) -> None:
    with pytest.raises(IntegrityError):
        await slots.do(lambda rows: operation(rows, slots.agent_id))

    assert await slots.queue() == Queue(0, 0, 2, 0)


@pytest.mark.parametrize("succeeded", [None, True, False])
async def test_nobody_can_free_a_slot_that_nobody_has(slots: Slots, succeeded: bool | None) -> None:
    freed = await slots.do(lambda rows: rows.finish(slots.agent_id, succeeded=succeeded, seconds=1))

    assert freed is None
    assert await slots.queue() == Queue(0, 0, 2, 0)


async def test_three_failures_in_a_row_are_an_error_until_one_succeeds(slots: Slots) -> None:
    async def run(*, succeeded: bool | None) -> AgentStatus:
        await slots.take_running()
        await slots.finish(succeeded=succeeded)
        return (await slots.queue()).status

    ready, error = AgentStatus.READY, AgentStatus.ERROR
    assert [await run(succeeded=s) for s in (False, False, True, False, False)] == [ready] * 5
    assert [await run(succeeded=s) for s in (None, False, None)] == [ready, error, error]
    assert await run(succeeded=True) is ready


async def test_another_project_of_the_same_user_reaches_no_slot(people: People, slots: Slots) -> None:
    elsewhere = Slots(slots.scope, await people.project(slots.scope, "Elsewhere"), slots.agent_id)
    await slots.take_waiting()

    assert await elsewhere.take_running() is None
    assert await elsewhere.take_waiting() is None
    assert not await elsewhere.start_waiting()
    await elsewhere.finish()
    await elsewhere.do(lambda rows: rows.lock(slots.agent_id))

    assert await slots.queue() == Queue(1, 0, 2, 0)


async def test_the_slots_of_a_buried_agent_admit_and_start_nothing_but_what_runs_can_end(
    slots: Slots,
) -> None:
    await slots.take_running()
    await slots.take_waiting()

    await slots.scope.write(lambda tx: tx.project(slots.project_id).agents.bury(slots.agent_id))

    assert await slots.take_running() is None
    assert await slots.take_waiting() is None
    assert not await slots.start_waiting()
    await slots.finish()
    await slots.do(lambda rows: rows.leave_waiting(slots.agent_id))
    assert await slots.take_running() is None


@pytest.fixture
async def crowded(postgres: Stored) -> list[Slots]:
    """The counters of one agent that runs three at a time, each over a connection of its own."""
    people = People(postgres)
    scope = await people.person()
    project_id = await people.project(scope)
    agent_id = await people.agent(scope, project_id)
    return [Slots(people.again(scope), project_id, agent_id) for _ in range(CONNECTIONS)]


@pytest.mark.postgres
async def test_a_rush_fills_exactly_the_slots_and_the_queue(crowded: list[Slots]) -> None:
    async def admit(slots: Slots) -> list[int | None]:
        return [
            await slots.do(lambda s: s.take_running(slots.agent_id) or s.take_waiting(slots.agent_id))
            for _ in range(5)
        ]

    tickets = [ticket for each in await together(map(admit, crowded)) for ticket in each if ticket]  # type: ignore[union-attr]  # nothing is refused by raising

    assert sorted(tickets) == list(range(1, 3 + WAITING_LIMIT + 1))
    assert await crowded[0].queue() == Queue(WAITING_LIMIT, 3, 3, 0)


@pytest.mark.postgres
async def test_bounds_hold_and_counters_are_exact_while_many_admit_claim_and_end_at_random(
    crowded: list[Slots],
) -> None:
    waiting = running = 0
    for _ in range(WAITING_LIMIT - 10):  # near the bound, so that it is met from both sides
        await crowded[0].take_waiting()
        waiting += 1

    async def work(slots: Slots) -> None:
        nonlocal waiting, running
        chance = random.Random(crowded.index(slots))
        mine = 0
        for _ in range(25):
            choice = chance.random()
            if choice < 0.4:
                taken = await slots.take_waiting() is not None
                waiting += taken
            elif choice < 0.5:
                taken = await slots.take_running() is not None
                running, mine = running + taken, mine + taken
            elif choice < 0.75 or not mine:
                started = await slots.start_waiting()
                waiting, running, mine = waiting - started, running + started, mine + started
            elif choice < 0.95:
                await slots.finish(succeeded=chance.choice([True, False, None]))
                running, mine = running - 1, mine - 1
            else:
                await slots.do(lambda rows: rows.back_to_waiting(slots.agent_id))
                waiting, running, mine = waiting + 1, running - 1, mine - 1
            seen.append(await slots.queue())

    seen: list[Queue] = []
    await together(map(work, crowded))

    assert max(queue.running for queue in seen) == 3
    assert max(queue.waiting for queue in seen) >= WAITING_LIMIT
    assert (
        max(queue.waiting for queue in seen) <= WAITING_LIMIT + 3
    )  # what lost its worker comes back above it
    last = await crowded[0].queue()
    assert (last.waiting, last.running) == (waiting, running)


@pytest.mark.postgres
async def test_a_claim_does_not_wait_for_whoever_holds_the_counters(
    postgres: Stored, crowded: list[Slots]
) -> None:
    slots = crowded[0]
    await slots.take_waiting()
    assert isinstance(postgres.database, PostgresDatabase)

    async with postgres.database.engine.connect() as holder:
        await holder.exec_driver_sql("BEGIN")
        await holder.exec_driver_sql("SELECT * FROM agent_slots FOR UPDATE")
        assert not await slots.start_waiting()
        await holder.exec_driver_sql("ROLLBACK")

    assert await slots.start_waiting()


async def test_reading_a_queue_is_part_of_reading_the_agent(slots: Slots) -> None:
    await slots.take_waiting()

    agents = await reading(slots.scope, lambda tx: tx.project(slots.project_id).agents.active())

    assert [agent.queue for agent in agents] == [Queue(1, 0, 2, 0)]

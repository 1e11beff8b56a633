"""Whose operation begins in which turn of the event loop."""

import asyncio

import pytest

from domain.identity.entities import Principal
from graphql_api.transport.fair_queue import FairQueue
from graphql_api.transport.operations import Caller
from graphql_api.transport.parameters import Parameters
from tests.graphql_api.transport.test_execution import REQUEST, operations
from tests.graphql_api.transport.toy import ALICE, BOB, NOW, World


class Clock:
    """Counts the turns of the event loop."""

    def __init__(self) -> None:
        self.turn = 0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turn += 1


async def begun(queue: FairQueue, askers: list[str]) -> list[tuple[int, str]]:
    """The turn in which each was let in, in the order in which they were."""
    clock, order = Clock(), list[tuple[int, str]]()

    async def ask(who: str) -> None:
        await queue.next_of(who)
        order.append((clock.turn, who))

    counting = asyncio.create_task(clock.run())
    await asyncio.gather(*(ask(who) for who in askers))
    counting.cancel()
    return order


async def test_one_person_begins_one_operation_in_a_turn() -> None:
    order = await begun(FairQueue(), ["alice"] * 20)

    assert len({turn for turn, _ in order}) == 20


async def test_people_do_not_wait_for_one_another() -> None:
    order = await begun(FairQueue(), ["alice"] * 20 + ["bob", "carol"])

    assert {who for _, who in order[:3]} == {"alice", "bob", "carol"}


async def test_who_came_first_is_first() -> None:
    queue, order = FairQueue(), list[int]()

    async def ask(number: int) -> None:
        await queue.next_of("alice")
        order.append(number)

    await asyncio.gather(*(ask(number) for number in range(10)))

    assert order == list(range(10))


@pytest.mark.parametrize("who_leaves", [0, 5, 9])
async def test_who_leaves_holds_up_nobody(who_leaves: int) -> None:
    queue = FairQueue()
    waiting = [asyncio.create_task(queue.next_of("alice")) for _ in range(10)]
    await asyncio.sleep(0)
    waiting[who_leaves].cancel()

    await asyncio.wait(waiting)

    assert sum(not task.cancelled() for task in waiting) >= 9


async def test_nobody_is_remembered() -> None:
    queue = FairQueue()
    await asyncio.gather(*(queue.next_of(f"user:{number % 7}") for number in range(50)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert not queue._waiting


async def test_a_flood_of_operations_does_not_hold_up_another_persons() -> None:
    running, ended = operations(World()), list[str]()

    async def ask(name: str, user: object) -> None:
        caller = Caller(REQUEST, Principal(user, user, NOW))  # type: ignore[arg-type]  # one of two users
        async with running.open(Parameters("{ __schema { types { name } } }", None, {}), caller) as operation:
            await operation.execute()
        ended.append(name)

    await asyncio.gather(*(ask("alice", ALICE) for _ in range(50)), ask("bob", BOB))

    assert ended.index("bob") <= 2

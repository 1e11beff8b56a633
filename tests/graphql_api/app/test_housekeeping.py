"""Work that is done now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from domain.errors import Unavailable
from graphql_api.app.housekeeping import MAX_ROUNDS, Chore, Housekeeping


class Clock:
    """Sleeps end when the test says so; `waits` are the seconds asked for."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._turn = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await self._turn.acquire()

    async def go_on(self, times: int = 1) -> None:
        for _ in range(times):
            self._turn.release()
            for _ in range(10):
                await asyncio.sleep(0)


class Rubbish:
    """An amount of work, done in rounds of ten; may fail."""

    def __init__(self, amount: int) -> None:
        self.left = amount
        self.rounds = 0
        self.problem: Exception | None = None

    async def round(self) -> int:
        self.rounds += 1
        if self.problem:
            raise self.problem
        done = min(10, self.left)
        self.left -= done
        return done


async def _running(chore: Chore, clock: Clock, body: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.create_task(Housekeeping([chore], sleep=clock.sleep).run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    try:
        await body()
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


async def test_a_chore_goes_on_in_rounds_until_nothing_is_left_and_then_rests() -> None:
    clock, rubbish = Clock(), Rubbish(25)

    async def body() -> None:
        await clock.go_on(4)

    await _running(Chore("tombstones", rubbish.round, every_s=60), clock, body)

    assert (rubbish.left, rubbish.rounds) == (0, 4)
    assert clock.waits == [5.0, 0.05, 0.05, 0.05, 60]


async def test_a_chore_without_end_leaves_the_rest_for_its_next_time() -> None:
    clock, rubbish = Clock(), Rubbish(10_000)

    async def body() -> None:
        await clock.go_on(MAX_ROUNDS + 1)

    await _running(Chore("tombstones", rubbish.round, every_s=60), clock, body)

    assert rubbish.rounds == MAX_ROUNDS
    assert clock.waits[-1] == 60


@pytest.mark.parametrize(
    ("problem", "level"),
    [(Unavailable("lost"), "WARNING"), (TimeoutError(), "WARNING"), (RuntimeError("a bug"), "ERROR")],
    ids=str,
)
async def test_a_failure_is_logged_and_the_next_round_comes(
    problem: Exception, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock, rubbish = Clock(), Rubbish(5)
    rubbish.problem = problem

    async def body() -> None:
        await clock.go_on()
        rubbish.problem = None
        await clock.go_on(2)

    await _running(Chore("tombstones", rubbish.round, every_s=60), clock, body)

    (record,) = [
        it for it in caplog.records if it.name == "codelab.housekeeping" and it.levelno > logging.INFO
    ]
    assert (record.levelname, record.__dict__["chore"]) == (level, "tombstones")
    assert rubbish.left == 0


async def test_a_round_that_hangs_is_cut() -> None:
    clock, cut = Clock(), asyncio.Event()

    async def hangs() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()
        return 0

    async def body() -> None:
        await clock.go_on()
        await cut.wait()

    await _running(Chore("tombstones", hangs, every_s=60, timeout_s=0.01), clock, body)


async def test_chores_do_not_wait_for_each_other() -> None:
    clock, rubbish = Clock(), Rubbish(5)

    async def hangs() -> int:
        await asyncio.Event().wait()
        return 0

    chores = [Chore("first", hangs, every_s=60), Chore("second", rubbish.round, every_s=60)]
    task = asyncio.create_task(Housekeeping(chores, sleep=clock.sleep).run())
    await asyncio.sleep(0)
    await clock.go_on(3)
    task.cancel()
    await asyncio.wait([task])

    assert rubbish.left == 0

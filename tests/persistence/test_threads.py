"""Threads give back what a function gave, and know of its end whatever its caller does."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from persistence.threads import Threads


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    made = Threads(2, name="test")
    yield made
    await asyncio.to_thread(made.close)


async def test_a_result_comes_back_from_another_thread(threads: Threads) -> None:
    assert await threads.run(lambda it: (it, threading.current_thread().name.rpartition("_")[0]), 7) == (
        7,
        "test",
    )


@pytest.mark.parametrize(("raised", "seen"), [(KeyError("x"), KeyError), (StopIteration(), RuntimeError)])
async def test_an_error_comes_back(threads: Threads, raised: Exception, seen: type[Exception]) -> None:
    def fail(_: object) -> None:
        raise raised

    with pytest.raises(seen):
        await threads.run(fail, None)


async def test_who_is_cancelled_waits_for_the_end(threads: Threads) -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), []

    def work(_: object) -> None:
        begun.set()
        may_end.wait(10)
        ended.append(True)
        raise KeyError  # nobody is told

    running = asyncio.create_task(threads.run(work, None))
    await asyncio.to_thread(begun.wait, 10)
    running.cancel()
    may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == [True]


async def test_closing_lets_everything_end_and_takes_nothing_new() -> None:
    threads = Threads(1, name="test")
    done: list[int] = []
    running = [asyncio.create_task(threads.run(done.append, number)) for number in range(3)]
    await asyncio.sleep(0)

    await asyncio.to_thread(threads.close)

    await asyncio.gather(*running)
    assert done == [0, 1, 2]
    with pytest.raises(RuntimeError, match="closed"):
        await threads.run(done.append, 3)

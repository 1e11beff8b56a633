"""A few threads that work for the event loop, each call handed over with as little as possible."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
_Job = tuple[asyncio.Future[Any], Callable[[Any], Any], Any]


class Threads:
    """Runs functions of one argument, first come, first served.

    An executor of the standard library does the same with two futures, two conditions and a callback more
    (measured: half of what a short read takes). Call `close` from another thread than the event loop's: it
    waits for what was begun.
    """

    def __init__(self, count: int, *, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._work, name=f"{name}_{number}", daemon=True) for number in range(count)
        ]
        self._closed = False
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[[Any], T], argument: object) -> T:
        """Run to the end, also when the caller is cancelled: what the thread holds is known to be free then.

        Raises:
            RuntimeError: the threads have been closed.
        """
        if self._closed:
            raise RuntimeError("the threads are closed")
        running: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((running, function, argument))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            running.add_done_callback(_noted)
            await asyncio.wait([running])
            raise

    def close(self) -> None:
        """End the threads once everything that was asked of them is done."""
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            _run(*job)
            del job  # what it holds is not kept until the next one comes


def _run(running: asyncio.Future[Any], function: Callable[[Any], Any], argument: object) -> None:
    result: object = None
    problem: BaseException | None = None
    try:
        result = function(argument)
    except StopIteration as error:  # no future takes one
        problem = RuntimeError(f"{function} raised {error!r}")
    except BaseException as error:  # noqa: BLE001 whatever it is belongs to the caller
        problem = error
    try:
        running.get_loop().call_soon_threadsafe(_settle, running, result, problem)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more
    finally:
        del result, problem  # an exception holds this frame, which must not hold it


def _settle(running: asyncio.Future[Any], result: object, problem: BaseException | None) -> None:
    if problem is None:
        running.set_result(result)
    else:
        running.set_exception(problem)


def _noted(nobody_waits_for: asyncio.Future[Any]) -> None:
    """Take note of an outcome, so that a failure is not reported as one that was overlooked."""
    if not nobody_waits_for.cancelled():
        nobody_waits_for.exception()

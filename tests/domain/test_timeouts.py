"""Timeouts of tasks in which something was cancelled before."""

import asyncio
from contextlib import suppress

import pytest

import domain.timeouts  # noqa: F401 it mends the standard library's


async def fails() -> None:
    await asyncio.sleep(0)
    raise LookupError


async def after_a_group_that_failed() -> None:
    with suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())


async def test_a_timeout_after_a_group_that_failed_is_a_timeout() -> None:
    await after_a_group_that_failed()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)


async def test_a_cancellation_meanwhile_is_none() -> None:
    async def waits() -> None:
        await after_a_group_that_failed()
        async with asyncio.timeout(60):
            await asyncio.sleep(60)

    task = asyncio.create_task(waits())
    await asyncio.sleep(0.01)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

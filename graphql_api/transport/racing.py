"""Running several things of which the first to end decides."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def first_of(*work: Coroutine[object, object, object]) -> int:
    """Run all until one ends, cancel the others and await their end; the index of the one that ended.

    When several end together the earliest argument counts. An exception of that one is raised.
    """
    tasks = [asyncio.ensure_future(it) for it in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        index, winner = next((i, task) for i, task in enumerate(tasks) if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    winner.result()
    return index

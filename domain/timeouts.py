"""Timeouts that end in TimeoutError on every Python that we support."""

from __future__ import annotations

import asyncio
import sys
from asyncio.timeouts import Timeout

MENDED = (3, 11, 3)
"""The first Python in which `asyncio.timeout` tells its own cancellation from earlier ones."""


def mend() -> None:
    """Let a timeout forget, when it begins, the cancellations of its task that are over.

    A task group one of whose tasks failed leaves its request to cancel counted. Before `MENDED` a later timeout
    of the same task takes that for a cancellation from outside and ends the task without a word: a loop that
    waits for work with a timeout never looks again (seen on Debian 12, whose Python is 3.11.2).
    """
    if sys.version_info >= MENDED:
        return
    begin = Timeout.__aenter__

    async def begin_afresh(self: Timeout) -> Timeout:
        task = asyncio.current_task()
        while task is not None and task.cancelling():
            task.uncancel()
        return await begin(self)

    Timeout.__aenter__ = begin_afresh  # type: ignore[method-assign]

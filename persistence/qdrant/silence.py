"""Finds out that a process which was asked something says nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Silence:
    """Bounds how long nothing is heard while anything is unanswered.

    Args:
        limit_s: So long, in seconds.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._unanswered = 0
        self._timeout: asyncio.Timeout | None = None

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Listen to a new process in the block.

        Raises:
            TimeoutError: It said nothing for too long.
        """
        self._unanswered = 0
        try:
            async with asyncio.timeout(None) as self._timeout:
                yield
        finally:
            self._timeout = None

    def asked(self) -> None:
        """Note a call; one more does not begin the wait anew."""
        self._unanswered += 1
        if self._unanswered == 1:
            self._wait()

    def heard(self, *, is_answer: bool) -> None:
        """Note a sign of life: an answer, or that others take their time."""
        self._unanswered -= is_answer
        self._wait()

    def _wait(self) -> None:
        if self._timeout is not None and not self._timeout.expired():
            until_s = asyncio.get_running_loop().time() + self.limit_s
            self._timeout.reschedule(until_s if self._unanswered else None)

"""Work that is done now and then: removing what was deleted, has expired, or is older than it is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.errors import Unavailable

log = logging.getLogger("codelab.housekeeping")

MAX_ROUNDS = 100
"""Rounds of one chore in a row; what is left then waits for its next time."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Chore:
    """One kind of work.

    `round` does a bounded part of it and returns how much that was, 0 when nothing is left. It is
    done every `every_s`, the first time after `first_s`, and a round may take `timeout_s`.
    """

    name: str
    round: Callable[[], Awaitable[int]]
    every_s: float
    first_s: float = 5.0
    timeout_s: float = 60.0


class Housekeeping:
    """Runs chores side by side until cancelled; no failure of theirs ends it.

    Args:
        chores: What to do.
        sleep: Waits so many seconds.
        pause_s: Between two rounds of one chore, so that users come first.
    """

    def __init__(
        self, chores: Sequence[Chore], *, sleep: Sleep = asyncio.sleep, pause_s: float = 0.05
    ) -> None:
        self._chores = tuple(chores)
        self._sleep = sleep
        self._pause_s = pause_s

    async def run(self) -> None:
        """Do the chores until cancelled."""
        async with asyncio.TaskGroup() as group:
            for chore in self._chores:
                group.create_task(self._repeat(chore), name=f"housekeeping {chore.name}")

    async def _repeat(self, chore: Chore) -> None:
        await self._sleep(chore.first_s)
        while True:
            await self._do(chore)
            await self._sleep(chore.every_s)

    async def _do(self, chore: Chore) -> None:
        done = 0
        try:
            for _ in range(MAX_ROUNDS):
                async with asyncio.timeout(chore.timeout_s):
                    count = await chore.round()
                if not count:
                    break
                done += count
                await self._sleep(self._pause_s)
        except (Unavailable, TimeoutError):
            log.warning("a chore was interrupted", extra={"chore": chore.name})
        except Exception:
            log.exception("a chore failed", extra={"chore": chore.name})
        if done:
            log.info("a chore was done", extra={"chore": chore.name, "removed": done})

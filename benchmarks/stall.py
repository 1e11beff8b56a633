"""How long the event loop kept others waiting: who sleeps a moment wakes so much later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.samples import percentile

_EVERY_S = 0.001


@dataclass(frozen=True, slots=True)
class Stalls:
    """Delays beyond the moment that was slept, in seconds."""

    delays_s: list[float] = field(default_factory=list)

    @property
    def p99_ms(self) -> float:
        """What 99 % of the sleepers were not kept longer."""
        return 1_000 * percentile(self.delays_s or [0.0], 99)

    @property
    def max_ms(self) -> float:
        """The longest."""
        return 1_000 * max(self.delays_s, default=0.0)


@asynccontextmanager
async def watched() -> AsyncIterator[Stalls]:
    """Watch the loop during the block."""
    stalls = Stalls()

    async def sleep_on() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_EVERY_S)
            stalls.delays_s.append(time.perf_counter() - began - _EVERY_S)

    watching = asyncio.create_task(sleep_on())
    try:
        yield stalls
    finally:
        watching.cancel()
        await asyncio.wait([watching])

"""One session's stored log, read in pages and never waited for without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from domain.errors import Unavailable
from domain.events.kinds import Fact
from domain.events.live import SessionKey
from domain.events.log import FactLog, LogHead

PAGE = 200
"""Facts asked of the log at once."""


class SessionLog:
    """The log of one session; each question waits at most `timeout_s`."""

    def __init__(self, key: SessionKey, *, log: FactLog, timeout_s: float) -> None:
        self._key = key
        self._log = log
        self._timeout_s = timeout_s

    async def page(self, *, after: int) -> list[Fact]:
        """At most PAGE facts after `after`, by seq.

        Raises:
            Unavailable: no answer in time.
        """
        async with self._patience():
            return await self._log.facts(self._key, after=after, limit=PAGE)

    async def head(self) -> LogHead | None:
        """Where the log ends; None when there is no such session.

        Raises:
            Unavailable: no answer in time.
        """
        async with self._patience():
            return await self._log.head(self._key)

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except TimeoutError as problem:
            raise Unavailable("The event log does not answer.") from problem


def leading(facts: Sequence[Fact], *, after: int) -> list[Fact]:
    """The first of these facts, as long as they lead on from `after` without a hole."""
    led: list[Fact] = []
    for fact in facts:
        if fact.seq != after + 1 + len(led):
            break
        led.append(fact)
    return led

"""The page that Prometheus reads."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.errors import Unavailable
from graphql_api.app.metrics import Metrics

_T = TypeVar("_T")

PATH = "/metrics"
COUNT_TIMEOUT_S = 2.0
COUNT_CACHE_S = 5.0

Reading = Callable[[], Awaitable[float]]
"""Asks a store for a number."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Tasks of all agents of all users."""

    waiting: int
    running: int


class Scrape:
    """Answers scrapes; stores are asked for numbers at most every few seconds, and NaN says that nobody knows.

    Args:
        metrics: What to show.
        monotonic: The clock, in seconds.
        queue: Counts the tasks of everyone; None where nobody knows.
        readings: What else is asked for, by the gauge that shows it.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        monotonic: Callable[[], float],
        queue: Callable[[], Awaitable[QueueDepth]] | None = None,
        readings: Mapping[Gauge, Reading] | None = None,
    ) -> None:
        self._metrics = metrics
        self._monotonic = monotonic
        self._queue = queue
        self._readings = readings or {}
        self._fresh_until = -math.inf

    @property
    def route(self) -> Route:
        """Where it is served."""
        return Route(PATH, self.answer)

    async def answer(self, _: Request) -> Response:
        """All metrics in Prometheus' text format."""
        await self._count()
        body = generate_latest(self._metrics.registry)
        return Response(body, headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_LATEST)

    async def _count(self) -> None:
        if self._monotonic() < self._fresh_until:
            return
        self._fresh_until = self._monotonic() + COUNT_CACHE_S
        async with asyncio.TaskGroup() as asking:
            if self._queue is not None:
                asking.create_task(self._count_tasks(self._queue))
            for gauge, read in self._readings.items():
                asking.create_task(_read(gauge, read))

    async def _count_tasks(self, queue: Callable[[], Awaitable[QueueDepth]]) -> None:
        depth = await _answer(queue)
        self._metrics.tasks_waiting_everywhere.set(depth.waiting if depth else math.nan)
        self._metrics.tasks_running_everywhere.set(depth.running if depth else math.nan)


async def _read(gauge: Gauge, read: Reading) -> None:
    number = await _answer(read)
    gauge.set(math.nan if number is None else number)


async def _answer(ask: Callable[[], Awaitable[_T]]) -> _T | None:
    """What is answered in time; None when nothing is."""
    try:
        async with asyncio.timeout(COUNT_TIMEOUT_S):
            return await ask()
    except (Unavailable, TimeoutError):
        return None

"""The page that Prometheus reads."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.errors import Unavailable
from graphql_api.app.metrics import Metrics

PATH = "/metrics"
QUEUE_TIMEOUT_S = 2.0
QUEUE_CACHE_S = 5.0


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Tasks of all agents of all users."""

    waiting: int
    running: int


class Scrape:
    """Answers scrapes; the queue's depth is asked for at most every few seconds.

    Args:
        metrics: What to show.
        monotonic: The clock, in seconds.
        queue: Counts the tasks of everyone; None where nobody knows.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        monotonic: Callable[[], float],
        queue: Callable[[], Awaitable[QueueDepth]] | None = None,
    ) -> None:
        self._metrics = metrics
        self._monotonic = monotonic
        self._queue = queue
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
        if self._queue is None or self._monotonic() < self._fresh_until:
            return
        self._fresh_until = self._monotonic() + QUEUE_CACHE_S
        waiting = running = math.nan
        try:
            async with asyncio.timeout(QUEUE_TIMEOUT_S):
                depth = await self._queue()
            waiting, running = depth.waiting, depth.running
        except (Unavailable, TimeoutError):
            pass  # NaN says that nobody knows
        self._metrics.tasks_waiting_everywhere.set(waiting)
        self._metrics.tasks_running_everywhere.set(running)

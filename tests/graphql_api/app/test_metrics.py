"""What is measured, and how it is read."""

from __future__ import annotations

import asyncio
import math

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from domain.errors import Unavailable
from graphql_api.app.metrics import OTHER, BoundedLabels, Metrics
from graphql_api.app.scrape import COUNT_CACHE_S, QueueDepth, Scrape
from graphql_api.transport.ports import TransportKind


class Queue:
    """Counts tasks, unless it is lost or hangs."""

    def __init__(self) -> None:
        self.asked = 0
        self.problem: Exception | None = None

    async def depth(self) -> QueueDepth:
        self.asked += 1
        if self.problem:
            raise self.problem
        return QueueDepth(waiting=7, running=3)


class World:
    """Metrics, a queue, a clock, and the page."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.metrics, self.queue = Metrics(version="1.2.3"), Queue()
        self.lag_s: float | Exception = 0.25
        self._scrape = Scrape(
            self.metrics,
            monotonic=lambda: self.now_s,
            queue=self.queue.depth,
            readings={self.metrics.memory_outbox_lag_seconds: self._lag_s},
        )

    async def _lag_s(self) -> float:
        if isinstance(self.lag_s, Exception):
            raise self.lag_s
        return self.lag_s

    async def page(self) -> httpx.Response:
        app = Starlette(routes=[self._scrape.route])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get("/metrics")

    async def families(self) -> dict[str, Metric]:
        return {it.name: it for it in text_string_to_metric_families((await self.page()).text)}

    async def value(self, name: str, **labels: str) -> float:
        families = await self.families()
        samples = [it for family in families.values() for it in family.samples]
        (value,) = [it.value for it in samples if it.name == name and it.labels == labels]
        return value


@pytest.fixture
def world() -> World:
    return World()


async def test_the_page_is_what_prometheus_reads(world: World) -> None:
    response = await world.page()

    assert response.headers["content-type"].startswith("text/plain; version=")
    assert response.headers["cache-control"] == "no-store"
    families = await world.families()
    assert {"codelab_build_info", "process_resident_memory_bytes", "process_start_time_seconds"} <= set(
        families
    )
    assert all(family.documentation for family in families.values())
    assert not [name for name in families if name.endswith("_created")]


async def test_what_must_stay_zero_is_there_from_the_beginning(world: World) -> None:
    assert await world.value("codelab_isolation_violations_total") == 0
    assert await world.value("codelab_rate_limit_unchecked_total") == 0


async def test_two_applications_in_one_process_measure_apart(world: World) -> None:
    World().metrics.isolation_violations.inc()

    assert await world.value("codelab_isolation_violations_total") == 0


async def test_gauges_are_read_when_they_are_asked_for(world: World) -> None:
    open_ = {TransportKind.WEBSOCKET: 2, TransportKind.SSE: 1}
    subscriptions = [5]
    world.metrics.watch_connections(subscriptions=lambda: subscriptions[0], connections=open_.__getitem__)
    world.metrics.watch_tasks(lambda: 4)
    world.metrics.watch_pool(in_use=lambda: 3, open_=lambda: 10)
    subscriptions[0] = 6

    assert await world.value("codelab_live_subscriptions") == 6
    assert await world.value("codelab_connections", transport="websocket") == 2
    assert await world.value("codelab_connections", transport="sse") == 1
    assert await world.value("codelab_tasks_running") == 4
    assert await world.value("codelab_database_pool_connections", state="in_use") == 3
    assert await world.value("codelab_database_pool_connections", state="open") == 10


async def test_calls_of_redis_are_timed(world: World) -> None:
    world.metrics.observe_redis("take_quota", 0.002, True)

    assert await world.value("codelab_redis_call_seconds_count", call="take_quota", answered="true") == 1


async def test_the_queue_is_counted_at_most_every_few_seconds(world: World) -> None:
    assert await world.value("codelab_tasks_waiting_everywhere") == 7
    assert await world.value("codelab_tasks_running_everywhere") == 3
    assert world.queue.asked == 1

    world.now_s += COUNT_CACHE_S
    await world.page()

    assert world.queue.asked == 2


@pytest.mark.parametrize("problem", [Unavailable("lost"), TimeoutError()])
async def test_a_lost_database_does_not_take_the_page_along(world: World, problem: Exception) -> None:
    world.queue.problem = problem

    assert math.isnan(await world.value("codelab_tasks_waiting_everywhere"))


async def test_what_memory_lags_behind_is_asked_for_with_the_queue(world: World) -> None:
    assert await world.value("codelab_memory_outbox_lag_seconds") == 0.25

    world.lag_s = 7.5
    assert await world.value("codelab_memory_outbox_lag_seconds") == 0.25

    world.now_s += COUNT_CACHE_S
    assert await world.value("codelab_memory_outbox_lag_seconds") == 7.5


@pytest.mark.parametrize("problem", [Unavailable("lost"), TimeoutError()])
async def test_a_number_that_nobody_knows_does_not_hide_the_others(world: World, problem: Exception) -> None:
    world.lag_s = problem

    assert math.isnan(await world.value("codelab_memory_outbox_lag_seconds"))
    assert await world.value("codelab_tasks_waiting_everywhere") == 7


async def test_a_page_without_a_queue_needs_none() -> None:
    scrape = Scrape(Metrics(version="1"), monotonic=asyncio.get_running_loop().time)
    app = Starlette(routes=[scrape.route])

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/metrics")).status_code == 200


def test_labels_that_others_choose_are_bounded() -> None:
    labels = BoundedLabels(2)

    assert labels.known("a") == OTHER
    assert [labels.admit(it) for it in ("a", "b", "c", "a")] == ["a", "b", OTHER, "a"]
    assert (labels.known("b"), labels.known("c")) == ("b", OTHER)

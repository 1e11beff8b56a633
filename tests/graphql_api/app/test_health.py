"""What probes are told."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.app.health import Health, Part, PartState, State


class FakePart:
    """Works until it is told not to."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: bool | Exception | None = None
        self.slow = False

    async def check(self) -> bool | None:
        self.asked += 1
        if self.slow:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class World:
    """A database, Redis, a clock, and the probes of a server on them."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.database, self.redis = FakePart(), FakePart()
        parts = {"database": Part(self.database.check), "redis": Part(self.redis.check, required=False)}
        self.health = Health(parts, monotonic=lambda: self.now_s, timeout_s=0.01)

    async def get(self, path: str) -> httpx.Response:
        app = Starlette(routes=self.health.routes)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(path)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_server_whose_parts_work_is_ready(world: World) -> None:
    response = await world.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"status": "ready", "parts": {"database": "ok", "redis": "ok"}}
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("answer", [False, OSError("gone"), RuntimeError("a bug")])
async def test_without_a_required_part_the_server_is_not_ready(
    world: World, answer: bool | Exception
) -> None:
    world.database.answer = answer

    response = await world.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "parts": {"database": "lost", "redis": "ok"}}


async def test_a_part_that_does_not_answer_in_time_is_slow(world: World) -> None:
    world.database.slow = True

    assert (await world.health.report()).parts["database"] == PartState.SLOW
    assert (await world.get("/readyz")).status_code == 503


async def test_without_an_optional_part_the_server_is_degraded_and_says_of_what(world: World) -> None:
    world.redis.answer = False

    response = await world.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"status": "degraded", "parts": {"database": "ok", "redis": "lost"}}


async def test_a_stopping_server_is_not_ready_and_still_lives(world: World) -> None:
    world.health.drain()

    ready, live = await world.get("/readyz"), await world.get("/healthz")

    assert ready.status_code == 503
    assert ready.json()["parts"]["server"] == "stopping"
    assert (live.status_code, live.json()) == (200, {"status": "live"})


async def test_life_does_not_depend_on_any_part(world: World) -> None:
    world.database.slow = world.redis.slow = True

    assert (await world.get("/healthz")).status_code == 200
    assert world.database.asked == 0


async def test_many_probes_ask_the_parts_once_a_second(world: World) -> None:
    await asyncio.gather(*(world.health.report() for _ in range(50)))
    world.now_s = 0.9
    await world.health.report()
    assert world.database.asked == 1

    world.now_s = 1.1
    await world.health.report()

    assert world.database.asked == 2


async def test_a_part_that_comes_back_is_ready_again(world: World) -> None:
    world.database.answer = False
    assert (await world.health.report()).state is State.NOT_READY

    world.database.answer, world.now_s = True, 2.0

    assert (await world.health.report()).state is State.READY

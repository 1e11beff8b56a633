"""What is live is reached by keys that carry the owner: a stranger with the right session id finds nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar, cast
from uuid import uuid4

import pytest
from broadcaster import Broadcast

from domain.errors import NotFound
from domain.events.kinds import Fact, SessionRenamed
from domain.events.live import Appended, Delta, Hints, Live, SessionKey
from persistence.memory.hints import MemoryHints
from persistence.memory.live import MemoryLive
from tests.isolation.opening import App
from tests.launchers.redis import RedisServer
from tests.persistence.redis.processes import open_process

DATABASE = 9
OURS = SessionKey(uuid4(), uuid4())
STRANGERS = replace(OURS, user_id=uuid4())
"""Somebody else who knows the session's id."""
FACT = Fact(1, datetime(2026, 1, 1, tzinfo=UTC), SessionRenamed("Ours"))
MESSAGE = uuid4()

T = TypeVar("T")


Keys = Callable[[], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Twins:
    """One process' live store and hints; `keys` are those under which Redis keeps anything."""

    live: Live
    hints: Hints
    keys: Keys | None = None


@pytest.fixture
async def memory_twins() -> AsyncIterator[Twins]:
    async with Broadcast("memory://") as broadcast:
        yield Twins(MemoryLive(broadcast, monotonic_s=lambda: 0.0), MemoryHints(broadcast))


@pytest.fixture
async def redis_twins(redis_server: RedisServer) -> AsyncIterator[Twins]:
    async with open_process(redis_server.url(DATABASE)) as process:
        await process.store.client.flushdb()

        async def keys() -> list[str]:
            return [key.decode() for key in cast("list[bytes]", await process.store.client.keys("*"))]

        yield Twins(process.live, process.hints, keys)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def twins(request: pytest.FixtureRequest) -> Twins:
    """The stores of both matrices."""
    return cast("Twins", request.getfixturevalue(f"{request.param}_twins"))


async def test_a_stranger_hears_nothing_of_a_session(twins: Twins) -> None:
    live = twins.live

    async with live.listen(STRANGERS) as heard, live.listen(OURS) as ours:
        await live.publish(OURS, [FACT])
        await live.begin(OURS, message_id=MESSAGE, generation=0)
        await live.append(OURS, Delta(MESSAGE, 0, 0, "Ours."))
        for _ in range(2):
            await soon(ours)

        assert await nothing(heard)


async def test_a_stranger_finds_neither_facts_nor_texts(twins: Twins) -> None:
    live = twins.live
    await live.publish(OURS, [FACT])
    await live.begin(OURS, message_id=MESSAGE, generation=0)
    await live.append(OURS, Delta(MESSAGE, 0, 0, "Ours."))

    assert await live.buffered(STRANGERS, after=0) == []
    assert await live.writing(STRANGERS) == []
    assert await live.finish(STRANGERS, message_id=MESSAGE, generation=0) is None


async def test_a_stranger_changes_nothing(twins: Twins) -> None:
    live = twins.live
    await live.publish(OURS, [FACT])
    await live.begin(OURS, message_id=MESSAGE, generation=0)
    await live.append(OURS, Delta(MESSAGE, 0, 0, "Ours"))

    async with live.listen(OURS) as heard:
        await live.publish(STRANGERS, [Fact(2, FACT.at, SessionRenamed("Theirs"))])
        await live.begin(STRANGERS, message_id=MESSAGE, generation=7, text="Theirs")
        await live.append(STRANGERS, Delta(MESSAGE, 7, 6, "!"))
        await live.finish(STRANGERS, message_id=MESSAGE, generation=7)
        await live.drop(STRANGERS)

        assert await nothing(heard)
        assert await live.buffered(OURS, after=0) == [FACT]
        assert [text.text for text in await live.writing(OURS)] == ["Ours"]
        assert await live.append(OURS, Delta(MESSAGE, 0, 4, ".")) is Appended.ACCEPTED


async def test_hints_of_a_project_are_for_its_owner(twins: Twins) -> None:
    project, hint = uuid4(), {"kind": "PROJECT_DELETED"}

    async with (
        twins.hints.listen(f"project:{STRANGERS.user_id}:{project}") as heard,
        twins.hints.listen(f"project:{OURS.user_id}:{project}") as ours,
    ):
        await twins.hints.send(f"project:{OURS.user_id}:{project}", hint)
        assert await soon(ours) == hint

        assert await nothing(heard)


async def test_every_key_of_a_session_carries_its_owner(twins: Twins) -> None:
    await twins.live.publish(OURS, [FACT])
    await twins.live.begin(OURS, message_id=MESSAGE, generation=0, text="Ours")
    await twins.live.finish(OURS, message_id=uuid4(), generation=0)

    found = await twins.keys() if twins.keys else [str(OURS.user_id)]

    assert found
    assert [key for key in found if str(OURS.user_id) not in key] == []


async def test_a_stream_is_opened_for_the_owner_alone(app: App) -> None:
    it, other, tails = app.people.alice[0], app.people.bob[0], app.parts.tails
    stolen = SessionKey(it.person.user_id, other.session)

    async with aclosing(tails.subscribe(SessionKey(it.person.user_id, it.session), after=0)) as items:
        assert (await soon(items)).cursor == 1
    with pytest.raises(NotFound):
        async with aclosing(tails.subscribe(stolen, after=0)) as items:
            await soon(items)


async def soon(items: AsyncIterator[T]) -> T:
    async with asyncio.timeout(60):
        return await anext(items)


async def nothing(items: AsyncIterator[object]) -> bool:
    """Whether nothing arrives that was sent before."""
    try:
        async with asyncio.timeout(0.02):
            await anext(items)
    except TimeoutError:
        return True
    return False

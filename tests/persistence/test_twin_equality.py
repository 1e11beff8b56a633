"""Whatever is asked of the two live stores, they answer alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from broadcaster import Broadcast
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.events.live import Appended, Delta, Live, SessionKey, TextSoFar
from persistence.memory.live import MemoryLive
from tests.launchers.redis import RedisServer
from tests.persistence.live_contract import fact
from tests.persistence.redis.processes import Process, open_process

pytestmark = pytest.mark.redis

WHOLE = "aé\U0001f642中 the whole text of every generation, \U0001f468‍\U0001f469‍\U0001f467"
MESSAGES = [UUID(int=1), UUID(int=2)]

ids = st.sampled_from(MESSAGES)
generations = st.integers(0, 2)
lengths = st.integers(0, len(WHOLE))
operations = st.one_of(
    st.tuples(st.just("begin"), ids, generations, st.just(0), lengths),
    st.tuples(st.just("append"), ids, generations, lengths, lengths),
    st.tuples(st.just("append"), ids, st.just(1), lengths, lengths),
    st.tuples(st.just("finish"), ids, generations, st.just(0), st.just(0)),
    st.tuples(st.just("publish"), ids, st.just(0), st.integers(1, 120), st.integers(0, 110)),
    st.tuples(st.just("drop"), ids, st.just(0), st.just(0), st.just(0)),
)
Operation = tuple[str, UUID, int, int, int]
Outcome = tuple[Appended | TextSoFar | None, list[TextSoFar], list[int]]


@pytest.fixture
async def process(redis_server: RedisServer) -> AsyncIterator[Process]:
    async with open_process(redis_server.url(6), deadline_s=5) as process:
        yield process


async def perform(live: Live, key: SessionKey, operation: Operation) -> Outcome:
    name, message_id, generation, offset, length = operation
    outcome: Appended | TextSoFar | None = None
    if name == "begin":
        outcome = await live.begin(key, message_id=message_id, generation=generation, text=WHOLE[:length])
    elif name == "append":
        outcome = await live.append(
            key, Delta(message_id, generation, offset, WHOLE[offset : offset + length])
        )
    elif name == "finish":
        outcome = await live.finish(key, message_id=message_id, generation=generation)
    elif name == "publish":
        await live.publish(key, [fact(seq) for seq in range(offset, offset + length)])
    else:
        await live.drop(key)
    writing = sorted(await live.writing(key), key=lambda text: text.message_id)
    return outcome, writing, [item.seq for item in await live.buffered(key, after=offset)]


@settings(
    max_examples=150,
    # each example has a session of its own, so that sharing the connection is sound
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(operations, max_size=30))
async def test_both_twins_answer_alike(process: Process, sequence: list[Operation]) -> None:
    key = SessionKey(uuid4(), uuid4())
    async with Broadcast("memory://") as broadcast:
        memory = MemoryLive(broadcast, monotonic_s=lambda: 1.0)
        for operation in sequence:
            expected = await perform(memory, key, operation)

            assert await perform(process.live, key, operation) == expected

            for text in expected[1]:
                assert WHOLE.startswith(text.text), "a text has a hole or an overlap"

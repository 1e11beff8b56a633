"""What every live store, every way of hinting and every rate limiter must do, whatever it is made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from domain.conversations.entities import Author
from domain.events.kinds import Fact, MessageCreated, SessionRenamed
from domain.events.live import (
    BUFFER_TTL_S,
    BUFFERED_FACTS,
    TEXT_TTL_S,
    Appended,
    Delta,
    Hints,
    Live,
    SessionKey,
    TextSoFar,
)
from domain.limits.ports import Quota, RateLimiter

T = TypeVar("T")
AT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


@dataclass(frozen=True)
class Stores:
    """One twin of everything, as two processes see it (the embedded twins: the same one twice).

    `advance` makes the store believe that seconds have passed.
    """

    live: Live
    other_live: Live
    hints: Hints
    other_hints: Hints
    limiter: RateLimiter
    other_limiter: RateLimiter
    advance: Callable[[float], Awaitable[None]]


def fact(seq: int, title: str = "title") -> Fact:
    return Fact(seq, AT, SessionRenamed(title))


def facts(first: int, last: int) -> list[Fact]:
    return [fact(seq, f"title {seq}") for seq in range(first, last + 1)]


async def next_items(arrivals: AsyncIterator[T], count: int) -> list[T]:
    async with asyncio.timeout(60):
        return [await anext(arrivals) for _ in range(count)]


async def nothing_more(arrivals: AsyncIterator[object]) -> bool:
    try:
        async with asyncio.timeout(0.02):
            await anext(arrivals)
    except TimeoutError:
        return True
    return False


@pytest.fixture
def key() -> SessionKey:
    return SessionKey(uuid4(), uuid4())


@pytest.fixture
def message_id() -> UUID:
    return uuid4()


class LiveContract:
    """The buffer of facts, the texts being written, and listening."""

    # the buffer

    async def test_facts_are_buffered_by_number_without_doubles(
        self, stores: Stores, key: SessionKey
    ) -> None:
        await stores.live.publish(key, [fact(3), fact(1)])
        await stores.live.publish(key, [fact(2), fact(3)])

        assert await stores.other_live.buffered(key, after=0) == [fact(1), fact(2), fact(3)]
        assert await stores.other_live.buffered(key, after=2) == [fact(3)]
        assert await stores.other_live.buffered(key, after=3) == []

    async def test_every_kind_of_body_survives_the_buffer(self, stores: Stores, key: SessionKey) -> None:
        body = MessageCreated(uuid4(), None, Author.USER, "привет, \U0001f642", None, uuid4())

        await stores.live.publish(key, [Fact(1, AT, body)])

        assert await stores.live.buffered(key, after=0) == [Fact(1, AT, body)]

    async def test_the_buffer_keeps_the_newest_facts(self, stores: Stores, key: SessionKey) -> None:
        await stores.live.publish(key, facts(1, BUFFERED_FACTS))
        await stores.live.publish(key, facts(BUFFERED_FACTS + 1, BUFFERED_FACTS + 5))

        assert await stores.live.buffered(key, after=0) == facts(6, BUFFERED_FACTS + 5)

    async def test_one_publication_may_be_larger_than_the_buffer(
        self, stores: Stores, key: SessionKey
    ) -> None:
        async with stores.other_live.listen(key) as arrivals:
            await stores.live.publish(key, facts(1, 2 * BUFFERED_FACTS))

            assert await next_items(arrivals, 2 * BUFFERED_FACTS) == facts(1, 2 * BUFFERED_FACTS)
        assert await stores.live.buffered(key, after=0) == facts(BUFFERED_FACTS + 1, 2 * BUFFERED_FACTS)

    async def test_the_buffer_ends_a_while_after_its_last_fact(self, stores: Stores, key: SessionKey) -> None:
        await stores.live.publish(key, [fact(1)])
        await stores.advance(BUFFER_TTL_S - 2)
        await stores.live.publish(key, [fact(2)])
        await stores.advance(BUFFER_TTL_S - 2)
        assert await stores.live.buffered(key, after=0) == [fact(1), fact(2)]

        await stores.advance(3)

        assert await stores.live.buffered(key, after=0) == []

    async def test_a_late_fact_does_not_bring_an_expired_buffer_back(
        self, stores: Stores, key: SessionKey
    ) -> None:
        await stores.live.publish(key, [fact(1)])
        await stores.advance(BUFFER_TTL_S + 1)

        await stores.live.publish(key, [fact(2)])

        assert await stores.live.buffered(key, after=0) == [fact(2)]

    async def test_publishing_nothing_is_nothing(self, stores: Stores, key: SessionKey) -> None:
        await stores.live.publish(key, [])

        assert await stores.live.buffered(key, after=0) == []

    # texts

    async def test_text_grows_delta_by_delta(self, stores: Stores, key: SessionKey, message_id: UUID) -> None:
        live = stores.live
        assert await live.begin(key, message_id=message_id, generation=0) is Appended.ACCEPTED
        assert await live.writing(key) == [TextSoFar(message_id, 0, "")]

        assert await live.append(key, Delta(message_id, 0, 0, "при")) is Appended.ACCEPTED
        assert await live.append(key, Delta(message_id, 0, 3, "вет \U0001f642")) is Appended.ACCEPTED

        assert await stores.other_live.writing(key) == [TextSoFar(message_id, 0, "привет \U0001f642")]

    async def test_offsets_count_code_points(self, stores: Stores, key: SessionKey, message_id: UUID) -> None:
        await stores.live.begin(key, message_id=message_id, generation=0, text="a\U0001f642é")

        assert await stores.live.append(key, Delta(message_id, 0, 4, "x")) is Appended.GAP
        assert await stores.live.append(key, Delta(message_id, 0, 3, "x")) is Appended.ACCEPTED

    @pytest.mark.parametrize("offset", range(5))
    async def test_an_overlapping_delta_adds_its_new_part(
        self, stores: Stores, key: SessionKey, message_id: UUID, offset: int
    ) -> None:
        whole = "aé\U0001f642\u4e2dz!"
        await stores.live.begin(key, message_id=message_id, generation=0, text=whole[:4])

        outcome = await stores.live.append(key, Delta(message_id, 0, offset, whole[offset:]))

        assert outcome is Appended.ACCEPTED
        assert await stores.live.writing(key) == [TextSoFar(message_id, 0, whole)]

    async def test_a_doubled_delta_changes_nothing(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        for _ in range(2):
            assert await stores.live.append(key, Delta(message_id, 0, 0, "one ")) is Appended.ACCEPTED
            assert await stores.live.append(key, Delta(message_id, 0, 4, "two")) is Appended.ACCEPTED

        assert await stores.live.writing(key) == [TextSoFar(message_id, 0, "one two")]

    async def test_a_delta_beyond_the_known_text_is_a_gap(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        async with stores.live.listen(key) as arrivals:
            assert await stores.live.append(key, Delta(message_id, 0, 7, "x")) is Appended.GAP
            await stores.live.begin(key, message_id=message_id, generation=0, text="whole")
            assert await stores.live.append(key, Delta(message_id, 0, 6, "x")) is Appended.GAP

            assert await next_items(arrivals, 1) == [Delta(message_id, 0, 0, "whole")]
            assert await nothing_more(arrivals)

    async def test_a_delta_at_offset_0_begins_what_is_not_known(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        assert await stores.live.append(key, Delta(message_id, 1, 0, "one")) is Appended.ACCEPTED
        assert await stores.live.append(key, Delta(message_id, 2, 0, "two")) is Appended.ACCEPTED

        assert await stores.live.writing(key) == [TextSoFar(message_id, 2, "two")]

    async def test_a_stale_generation_is_refused(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        await stores.live.begin(key, message_id=message_id, generation=1, text="old")
        await stores.live.begin(key, message_id=message_id, generation=2)

        assert await stores.live.append(key, Delta(message_id, 1, 3, "x")) is Appended.STALE
        assert await stores.live.append(key, Delta(message_id, 1, 0, "x")) is Appended.STALE
        assert await stores.live.begin(key, message_id=message_id, generation=1) is Appended.STALE
        assert await stores.live.writing(key) == [TextSoFar(message_id, 2, "")]

    async def test_a_newer_generation_must_begin_at_its_beginning(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        await stores.live.begin(key, message_id=message_id, generation=1, text="long enough")

        assert await stores.live.append(key, Delta(message_id, 2, 4, "x")) is Appended.GAP
        assert await stores.live.writing(key) == [TextSoFar(message_id, 1, "long enough")]

    async def test_beginning_again_with_the_whole_text_closes_a_gap(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        assert await stores.live.append(key, Delta(message_id, 3, 6, "three")) is Appended.GAP

        outcome = await stores.live.begin(key, message_id=message_id, generation=3, text="one two three")

        assert outcome is Appended.ACCEPTED
        assert await stores.live.append(key, Delta(message_id, 3, 13, "!")) is Appended.ACCEPTED
        assert await stores.live.writing(key) == [TextSoFar(message_id, 3, "one two three!")]

    async def test_a_generation_never_shrinks(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        await stores.live.begin(key, message_id=message_id, generation=0, text="one two")

        assert await stores.live.begin(key, message_id=message_id, generation=0) is Appended.ACCEPTED
        assert (
            await stores.live.begin(key, message_id=message_id, generation=0, text="one") is Appended.ACCEPTED
        )
        assert await stores.live.writing(key) == [TextSoFar(message_id, 0, "one two")]

        await stores.live.begin(key, message_id=message_id, generation=0, text="one two three")
        assert await stores.live.writing(key) == [TextSoFar(message_id, 0, "one two three")]

    async def test_a_finished_text_is_handed_over_once_and_refuses_more(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        await stores.live.begin(key, message_id=message_id, generation=1, text="é done")

        text = await stores.other_live.finish(key, message_id=message_id, generation=1)

        assert text == TextSoFar(message_id, 1, "é done")
        assert await stores.live.finish(key, message_id=message_id, generation=1) is None
        assert await stores.live.writing(key) == []
        for offset in (0, 4, 6):
            assert await stores.live.append(key, Delta(message_id, 1, offset, "x")) is Appended.STALE
        assert await stores.live.begin(key, message_id=message_id, generation=1, text="x") is Appended.STALE
        assert await stores.live.begin(key, message_id=message_id, generation=0, text="x") is Appended.STALE
        assert await stores.live.writing(key) == []

    async def test_an_empty_text_is_handed_over_too(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        await stores.live.begin(key, message_id=message_id, generation=0)

        text = await stores.live.finish(key, message_id=message_id, generation=0)

        assert text == TextSoFar(message_id, 0, "")

    async def test_after_an_end_a_newer_generation_may_begin(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        await stores.live.begin(key, message_id=message_id, generation=1, text="old")
        await stores.live.finish(key, message_id=message_id, generation=1)

        assert await stores.live.append(key, Delta(message_id, 2, 3, "x")) is Appended.GAP
        assert (
            await stores.live.begin(key, message_id=message_id, generation=2, text="new") is Appended.ACCEPTED
        )
        assert await stores.live.writing(key) == [TextSoFar(message_id, 2, "new")]

    async def test_finishing_an_older_generation_changes_nothing(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        await stores.live.begin(key, message_id=message_id, generation=2, text="new")

        assert await stores.live.finish(key, message_id=message_id, generation=1) is None

        assert await stores.live.writing(key) == [TextSoFar(message_id, 2, "new")]

    async def test_finishing_a_newer_generation_ends_the_older_ones(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        await stores.live.begin(key, message_id=message_id, generation=1, text="old")

        assert await stores.live.finish(key, message_id=message_id, generation=2) is None

        assert await stores.live.writing(key) == []
        assert await stores.live.append(key, Delta(message_id, 1, 3, "x")) is Appended.STALE
        assert await stores.live.append(key, Delta(message_id, 2, 0, "x")) is Appended.STALE

    async def test_an_unknown_message_can_be_finished(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        assert await stores.live.finish(key, message_id=message_id, generation=0) is None

        assert await stores.live.append(key, Delta(message_id, 0, 0, "x")) is Appended.STALE

    async def test_a_text_lives_a_while_after_its_last_delta(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        await stores.live.begin(key, message_id=message_id, generation=0, text="one")
        await stores.advance(TEXT_TTL_S - 2)
        await stores.live.append(key, Delta(message_id, 0, 3, " two"))
        await stores.advance(TEXT_TTL_S - 2)
        assert await stores.live.writing(key) == [TextSoFar(message_id, 0, "one two")]

        await stores.advance(3)

        assert await stores.live.writing(key) == []
        assert await stores.live.append(key, Delta(message_id, 0, 7, "x")) is Appended.GAP

    async def test_a_text_that_is_forgotten_leaves_its_neighbours_alone(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        await stores.live.begin(key, message_id=message_id, generation=0, text="one")
        await stores.advance(TEXT_TTL_S - 2)
        later = uuid4()
        await stores.live.begin(key, message_id=later, generation=0, text="two")

        await stores.advance(3)

        assert await stores.live.writing(key) == [TextSoFar(later, 0, "two")]

    async def test_several_messages_are_written_at_once(self, stores: Stores, key: SessionKey) -> None:
        written = {uuid4(): f"text {number}" for number in range(3)}

        for message_id, text in written.items():
            await stores.live.begin(key, message_id=message_id, generation=0, text=text)

        texts = await stores.live.writing(key)
        assert {text.message_id: text.text for text in texts} == written

    # listening

    async def test_a_listener_hears_facts_and_deltas_of_all_processes(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        async with stores.live.listen(key) as one, stores.other_live.listen(key) as two:
            await stores.other_live.publish(key, [fact(1), fact(2)])
            await stores.live.begin(key, message_id=message_id, generation=1)
            await stores.live.append(key, Delta(message_id, 1, 0, "é\U0001f642"))
            await stores.live.begin(key, message_id=message_id, generation=2, text="anew")

            expected = [
                fact(1),
                fact(2),
                Delta(message_id, 1, 0, "é\U0001f642"),
                Delta(message_id, 2, 0, "anew"),
            ]
            assert await next_items(one, 4) == expected
            assert await next_items(two, 4) == expected

    async def test_two_listeners_may_come_and_go_at_once(self, stores: Stores, key: SessionKey) -> None:
        async def listen() -> list[Fact | Delta]:
            async with stores.live.listen(key) as arrivals:
                entered.append(None)
                return await next_items(arrivals, 1)

        entered: list[None] = []
        tasks = [asyncio.create_task(listen()) for _ in range(5)]
        while len(entered) < 5:
            await asyncio.sleep(0.001)
        await stores.live.publish(key, [fact(1)])

        assert await asyncio.gather(*tasks) == [[fact(1)]] * 5
        async with stores.live.listen(key) as arrivals:
            await stores.live.publish(key, [fact(2)])
            assert await next_items(arrivals, 1) == [fact(2)]

    async def test_nobody_hears_another_session_or_another_owner(
        self, stores: Stores, key: SessionKey
    ) -> None:
        foreign = [SessionKey(uuid4(), key.session_id), SessionKey(key.user_id, uuid4())]

        async with stores.live.listen(key) as arrivals:
            for other in foreign:
                await stores.live.publish(other, [fact(1)])
                await stores.live.begin(other, message_id=uuid4(), generation=0, text="theirs")

            assert await nothing_more(arrivals)
        assert await stores.live.buffered(key, after=0) == []
        assert await stores.live.writing(key) == []

    async def test_refused_text_is_not_heard(self, stores: Stores, key: SessionKey, message_id: UUID) -> None:
        await stores.live.finish(key, message_id=message_id, generation=5)

        async with stores.live.listen(key) as arrivals:
            await stores.live.append(key, Delta(message_id, 5, 0, "x"))
            await stores.live.append(key, Delta(message_id, 6, 1, "x"))
            await stores.live.begin(key, message_id=message_id, generation=5, text="x")

            assert await nothing_more(arrivals)

    async def test_waiting_for_an_item_may_be_given_up(self, stores: Stores, key: SessionKey) -> None:
        async with stores.live.listen(key) as arrivals:
            assert await nothing_more(arrivals)

            await stores.live.publish(key, [fact(1)])

            async for item in arrivals:
                assert item == fact(1)
                break

    async def test_an_overflowing_listener_loses_the_oldest(self, stores: Stores, key: SessionKey) -> None:
        async with stores.live.listen(key) as idle, stores.live.listen(key) as busy:
            for first in range(1, 2001, 50):
                await stores.live.publish(key, facts(first, first + 49))
                await next_items(busy, 50)

            arrived = await next_items(idle, 1024)

            assert [item.seq for item in arrived if isinstance(item, Fact)] == list(range(977, 2001))
            assert await nothing_more(idle)

    # the end of a session

    async def test_a_dropped_session_is_forgotten(
        self, stores: Stores, key: SessionKey, message_id: UUID
    ) -> None:
        ended = uuid4()
        await stores.live.publish(key, [fact(1)])
        await stores.live.begin(key, message_id=message_id, generation=3, text="text")
        await stores.live.begin(key, message_id=ended, generation=3, text="text")
        await stores.live.finish(key, message_id=ended, generation=3)

        await stores.live.drop(key)

        assert await stores.live.buffered(key, after=0) == []
        assert await stores.live.writing(key) == []
        assert await stores.live.append(key, Delta(message_id, 3, 4, "x")) is Appended.GAP
        assert await stores.live.append(key, Delta(ended, 3, 4, "x")) is Appended.GAP

    async def test_dropping_an_unknown_session_is_nothing(self, stores: Stores, key: SessionKey) -> None:
        await stores.live.drop(key)

        assert await stores.live.writing(key) == []


class HintsContract:
    """Small messages between processes."""

    async def test_a_hint_reaches_every_listener_of_its_channel(self, stores: Stores) -> None:
        channel = str(uuid4())

        async with (
            stores.hints.listen(channel) as one,
            stores.other_hints.listen(channel) as two,
            stores.hints.listen(str(uuid4())) as elsewhere,
        ):
            await stores.other_hints.send(channel, {"agent": "é", "slots": 3})
            await stores.hints.send(channel, {"n": None})

            assert await next_items(one, 2) == [{"agent": "é", "slots": 3}, {"n": None}]
            assert await next_items(two, 2) == [{"agent": "é", "slots": 3}, {"n": None}]
            assert await nothing_more(elsewhere)

    async def test_a_hint_without_listeners_is_lost(self, stores: Stores) -> None:
        channel = str(uuid4())
        await stores.hints.send(channel, {"n": 1})
        await asyncio.sleep(0.005)

        async with stores.hints.listen(channel) as arrivals:
            assert await nothing_more(arrivals)


class RateLimiterContract:
    """Quotas that refill evenly."""

    async def test_a_burst_up_to_the_limit_is_allowed(self, stores: Stores) -> None:
        key, quota = str(uuid4()), Quota(7, timedelta(seconds=70))

        taken = [await stores.limiter.take(key, quota) for _ in range(8)]

        assert [allowance.allowed for allowance in taken] == [True] * 7 + [False]
        assert [allowance.remaining for allowance in taken] == [6, 5, 4, 3, 2, 1, 0, 0]
        assert {allowance.limit for allowance in taken} == {7}
        assert taken[0].resets_after_s == pytest.approx(10, abs=0.2)
        assert taken[6].resets_after_s == pytest.approx(70, abs=0.2)
        assert taken[7].retry_after_s == pytest.approx(10, abs=0.2)

    async def test_all_processes_charge_the_same_quota(self, stores: Stores) -> None:
        key, quota = str(uuid4()), Quota(2, timedelta(seconds=60))

        await stores.limiter.take(key, quota)

        assert (await stores.other_limiter.take(key, quota)).remaining == 0
        assert not (await stores.limiter.take(key, quota)).allowed

    async def test_units_come_back_one_by_one(self, stores: Stores) -> None:
        key, quota = str(uuid4()), Quota(3, timedelta(seconds=30))
        for _ in range(3):
            await stores.limiter.take(key, quota)

        await stores.advance(10.5)

        assert (await stores.limiter.take(key, quota)).allowed
        assert not (await stores.limiter.take(key, quota)).allowed
        await stores.advance(31)
        assert (await stores.limiter.peek(key, quota)).remaining == 3

    async def test_a_refusal_costs_nothing(self, stores: Stores) -> None:
        key, quota = str(uuid4()), Quota(10, timedelta(seconds=100))
        await stores.limiter.take(key, quota, cost=8)

        refused = await stores.limiter.take(key, quota, cost=5)

        assert not refused.allowed
        assert refused.remaining == 2
        assert refused.retry_after_s == pytest.approx(30, abs=0.2)
        assert (await stores.limiter.take(key, quota, cost=2)).allowed

    async def test_more_than_the_limit_is_never_allowed(self, stores: Stores) -> None:
        refused = await stores.limiter.take(str(uuid4()), Quota(3, timedelta(seconds=30)), cost=4)

        assert not refused.allowed
        assert refused.remaining == 3

    async def test_peeking_is_free(self, stores: Stores) -> None:
        key, quota = str(uuid4()), Quota(5, timedelta(seconds=60))
        before = await stores.limiter.peek(key, quota)
        await stores.limiter.take(key, quota)

        seen = [await stores.limiter.peek(key, quota) for _ in range(3)]

        assert before.remaining == 5
        assert before.resets_after_s == 0
        assert [allowance.remaining for allowance in seen] == [4, 4, 4]

    async def test_keys_do_not_share_a_quota(self, stores: Stores) -> None:
        quota = Quota(1, timedelta(seconds=60))

        taken = [await stores.limiter.take(str(uuid4()), quota) for _ in range(3)]

        assert all(allowance.allowed for allowance in taken)

    async def test_a_limit_beyond_the_clocks_resolution_still_counts(self, stores: Stores) -> None:
        allowance = await stores.limiter.take(str(uuid4()), Quota(10_000, timedelta(milliseconds=1)))

        assert allowance.allowed

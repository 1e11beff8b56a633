"""Facts reach every reader once and in order, whatever becomes of the broadcasts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from domain.errors import NotFound, Unavailable
from domain.events.items import Heartbeat, Interrupted, ReplayGap
from domain.events.kinds import SessionDeleted, SessionRenamed
from domain.events.live import SessionKey
from domain.events.session_log import PAGE
from tests.domain.events.fakes import KEY, START, run_started
from tests.domain.events.session import Session, Watcher, virtually
from tests.virtual_time import settle

A = SessionRenamed("a")


@virtually
async def test_a_reader_from_now_on_gets_what_comes() -> None:
    session = Session()
    await session.commit(A, A)

    watcher = await session.watch()
    facts = await session.commit(A, SessionRenamed("b"))

    assert [(item.cursor, item.at, item.body) for item in watcher.items] == [
        (fact.seq, fact.at, fact.body) for fact in facts
    ]


@virtually
async def test_a_replay_within_the_buffer_does_not_touch_the_log() -> None:
    session = Session()
    await session.commit(*[A] * 50)

    watcher = await session.watch(after=3)

    assert watcher.cursors == list(range(4, 51))
    assert session.log.fact_reads == 0


@pytest.mark.parametrize("after", [0, 1, PAGE, 449])
def test_a_replay_beyond_the_buffer_pages_through_the_log(after: int) -> None:
    @virtually
    async def check() -> None:
        session = Session()
        session.log.commit(*[A] * (2 * PAGE + 50))

        watcher = await session.watch(after=after)

        assert watcher.cursors == list(range(after + 1, 2 * PAGE + 51))
        assert session.log.fact_reads == -(-(2 * PAGE + 50 - after) // PAGE)

    check()


@virtually
async def test_a_buffer_with_a_hole_is_used_as_far_as_it_leads() -> None:
    session = Session()
    await session.commit(*[A] * 10)
    del session.live.buffer[7]

    watcher = await session.watch(after=2)

    assert watcher.cursors == list(range(3, 11))
    assert session.log.fact_reads == 1


@virtually
async def test_a_replay_does_not_run_ahead_of_the_tail() -> None:
    session = Session()
    await session.commit(A, A)
    await session.watch()
    session.live.buffer.update((fact.seq, fact) for fact in session.log.commit(A, A))

    watcher = await session.watch(after=0)
    assert watcher.cursors == [1, 2]

    await session.push(*session.log.truth[2:])
    assert watcher.cursors == [1, 2, 3, 4]


@virtually
async def test_a_replay_catches_up_with_what_happens_meanwhile() -> None:
    session = Session()
    session.log.commit(*[A] * 300)
    items = session.tails.subscribe(KEY, after=0)

    seen = [(await anext(items)).cursor]
    await session.commit(*[A] * 300)
    async for item in items:
        seen.append(item.cursor)
        if item.cursor == 600:
            break
    await items.aclose()

    assert seen == list(range(1, 601))


@virtually
async def test_doubled_and_disordered_facts_are_put_right() -> None:
    session = Session()
    watcher = await session.watch()
    one, two, three, four = session.log.commit(A, A, A, A)
    session.live.buffer = {fact.seq: fact for fact in (one, two, three, four)}

    await session.push(two, one, one, four, three, two)

    assert watcher.cursors == [1, 2, 3, 4]
    assert session.log.fact_reads == 0


@virtually
async def test_a_hole_is_filled_from_the_log_when_the_buffer_has_lost_it() -> None:
    session = Session()
    watcher = await session.watch()
    facts = session.log.commit(A, A, A)

    await session.push(facts[2])

    assert watcher.cursors == [1, 2, 3]


@virtually
async def test_a_lost_fact_is_found_at_the_next_heartbeat() -> None:
    session = Session()
    watcher = await session.watch()
    session.log.commit(A)

    await asyncio.sleep(29.9)
    assert watcher.items == []
    await asyncio.sleep(0.2)

    assert [item.cursor for item in watcher.items] == [1, 1]
    assert watcher.items[1].body == Heartbeat()


@pytest.mark.parametrize("known_by", ["head", "fact"])
def test_a_lost_fact_is_found_within_a_second_while_a_run_is_active(known_by: str) -> None:
    @virtually
    async def check() -> None:
        session = Session()
        session.log.active_runs = True
        if known_by == "head":
            session.log.commit(run_started())
        watcher = await session.watch(after=0)
        if known_by == "fact":
            await session.commit(run_started())

        session.log.commit(A)
        await asyncio.sleep(1.1)

        assert watcher.cursors == [1, 2]

    check()


@virtually
async def test_an_idle_session_beats_every_thirty_seconds_with_the_heads_cursor() -> None:
    session = Session()
    await session.commit(A, A)
    watcher = await session.watch()

    await asyncio.sleep(95)

    assert [item.cursor for item in watcher.heartbeats] == [2, 2, 2]
    times_s = [(item.at - START).total_seconds() for item in watcher.heartbeats]
    assert times_s == pytest.approx([1030, 1060, 1090], abs=0.1)


@virtually
async def test_heartbeats_of_all_readers_are_one() -> None:
    session = Session()
    one, two = await session.watch(), await session.watch()

    await asyncio.sleep(31)

    assert one.items[0] is two.items[0]


@virtually
async def test_an_active_run_beats_each_second_when_nothing_else_is_sent() -> None:
    session = Session()
    session.log.active_runs = True
    watcher = await session.watch()

    await asyncio.sleep(5.5)
    assert len(watcher.heartbeats) == 5
    for _ in range(10):
        await session.commit(A)
        await asyncio.sleep(0.5)

    assert len(watcher.heartbeats) == 5


@virtually
async def test_a_busy_stream_still_beats_every_thirty_seconds() -> None:
    session = Session()
    session.log.active_runs = True
    watcher = await session.watch()

    for _ in range(130):
        await session.commit(A)
        await asyncio.sleep(0.5)

    assert len(watcher.heartbeats) == 2
    assert watcher.cursors == list(range(1, 131))


@virtually
async def test_a_session_comes_to_rest_when_its_run_has_ended() -> None:
    session = Session()
    session.log.active_runs = True
    watcher = await session.watch()
    await asyncio.sleep(3.5)

    session.log.active_runs = False
    await asyncio.sleep(1)
    reads = session.log.head_reads
    await asyncio.sleep(25)

    assert session.log.head_reads == reads
    assert len(watcher.heartbeats) == 4


# the log is lost


@virtually
async def test_an_unknown_session_is_not_found_before_the_first_item() -> None:
    session = Session()
    foreign = session.tails.subscribe(SessionKey(KEY.session_id, KEY.user_id))

    with pytest.raises(NotFound, match="No such session"):
        await anext(foreign)

    assert session.tails.readers == 0
    assert session.live.listeners == []


@pytest.mark.parametrize("fault", ["lost", "hangs"])
def test_a_log_that_does_not_answer_refuses_readers_until_it_does(fault: str) -> None:
    @virtually
    async def check() -> None:
        session = Session()
        setattr(session.log, fault, True)
        refused = [await session.watch(after=0), await session.watch(after=0)]
        await asyncio.sleep(10)
        assert [type(watcher.problem) for watcher in refused] == [Unavailable, Unavailable]

        setattr(session.log, fault, False)
        await session.commit(A)

        assert (await session.watch(after=0)).cursors == [1]

    check()


@virtually
async def test_a_log_that_is_lost_later_stops_nobody() -> None:
    session = Session()
    watcher = await session.watch()
    session.log.lost = True

    await session.commit(A, A)
    facts = session.log.commit(A, A)
    await session.push(facts[1])
    assert watcher.cursors == [1, 2]
    reads = session.log.fact_reads
    await session.push(*[replace(facts[1], seq=seq) for seq in range(5, 300)])
    assert session.log.fact_reads == reads, "a lost log is left alone between two beats"
    await asyncio.sleep(60)
    assert not watcher.ended
    session.log.lost = False
    await asyncio.sleep(1.1)

    assert watcher.cursors == [1, 2, 3, 4]


@virtually
async def test_a_replay_that_needs_a_lost_log_says_so() -> None:
    session = Session()
    session.log.commit(A, A)
    watcher = await session.watch()
    session.log.lost = True

    refused = await session.watch(after=0)

    assert isinstance(refused.problem, Unavailable)
    assert not watcher.ended


@virtually
async def test_without_the_live_store_facts_come_from_the_log() -> None:
    session = Session()
    session.live.down = True
    idle = await session.watch()

    await session.commit(A)
    await asyncio.sleep(30.1)
    assert idle.cursors == [1]
    session.log.active_runs = True
    await asyncio.sleep(30)
    await session.commit(run_started(), A)
    await asyncio.sleep(1.1)

    assert idle.cursors == [1, 2, 3]


# gaps and other lives of the database


@virtually
async def test_a_cursor_from_a_faster_process_is_caught_up_with() -> None:
    session = Session()
    lagging = await session.watch()
    session.log.commit(A, A, A)

    ahead = await session.watch(after=2)

    assert ahead.cursors == [3]
    assert lagging.cursors == [1, 2, 3]


@virtually
async def test_a_cursor_beyond_the_log_gets_one_gap_and_goes_on() -> None:
    session = Session()
    await session.commit(A, A)

    watcher = await session.watch(after=7)
    await session.commit(A)

    assert [(item.cursor, item.body) for item in watcher.items] == [(2, ReplayGap()), (3, A)]


@pytest.mark.parametrize(
    ("after", "expected"),
    [(3, [(10, ReplayGap()), (11, A)]), (4, [(n, A) for n in range(5, 12)])],
)
def test_a_cursor_before_what_is_retained_gets_one_gap(
    after: int, expected: list[tuple[int, object]]
) -> None:
    @virtually
    async def check() -> None:
        session = Session()
        session.log.commit(*[A] * 10)
        session.log.oldest_seq = 5

        watcher = await session.watch(after=after)
        await session.commit(A)

        assert [(item.cursor, item.body) for item in watcher.items] == expected

    check()


@virtually
async def test_a_log_of_which_nothing_is_retained_is_a_gap() -> None:
    session = Session()
    session.log.commit(*[A] * 10)
    session.log.oldest_seq = 11

    assert [item.body for item in (await session.watch(after=9)).items] == [ReplayGap()]
    assert (await session.watch(after=10)).items == []


@virtually
async def test_a_log_that_went_back_lets_its_readers_resume() -> None:
    session = Session()
    await session.commit(A, A, A)
    watcher = await session.watch()
    del session.log.truth[1:]

    await asyncio.sleep(31)

    assert isinstance(watcher.problem, Interrupted)
    assert session.tails.readers == 0
    assert [item.cursor for item in (await session.watch(after=3)).items] == [1]


@virtually
async def test_a_log_that_was_pruned_past_a_tail_lets_its_readers_resume() -> None:
    session = Session()
    watcher = await session.watch()
    session.log.commit(*[A] * 10)
    session.log.oldest_seq = 5

    await asyncio.sleep(31)

    assert isinstance(watcher.problem, Interrupted)
    assert [item.body for item in (await session.watch(after=0)).items] == [ReplayGap()]


# the end of a session


@virtually
async def test_a_deletion_is_the_last_item() -> None:
    session = Session()
    watchers = [await session.watch() for _ in range(2)]

    await session.commit(A, SessionDeleted(), A)

    for watcher in watchers:
        assert watcher.ended
        assert watcher.problem is None
        assert watcher.bodies == [A, SessionDeleted()]
    assert session.live.listeners == []


@virtually
async def test_a_replayed_deletion_ends_the_stream_too() -> None:
    session = Session()
    await session.commit(A, SessionDeleted())

    watcher = await session.watch(after=0)

    assert watcher.ended
    assert watcher.bodies == [A, SessionDeleted()]


@pytest.mark.parametrize("readable", [True, False])
def test_a_deletion_that_was_not_broadcast_is_noticed_at_the_heartbeat(readable: bool) -> None:
    @virtually
    async def check() -> None:
        session = Session()
        await session.commit(A)
        watcher = await session.watch()

        if readable:
            session.log.commit(A, SessionDeleted())
            session.log.head = _no_head  # type: ignore[method-assign]  # deleted, not purged yet
        else:
            session.log.deleted = True
        await asyncio.sleep(31)

        assert watcher.ended
        assert watcher.problem is None
        assert watcher.bodies == ([A] if readable else []) + [SessionDeleted()]
        assert watcher.cursors == ([2, 3] if readable else [2])

    check()


async def _no_head(key: SessionKey) -> None:
    return None


@virtually
async def test_a_reader_in_mid_replay_hears_of_a_deletion_that_left_nothing() -> None:
    session = Session()
    session.log.commit(*[A] * (PAGE + 10))
    items = session.tails.subscribe(KEY, after=0)
    await anext(items)

    session.log.deleted = True
    await session.live.publish(KEY, [replace(session.log.truth[0], seq=PAGE + 11, body=SessionDeleted())])
    await settle()
    rest = [item async for item in items]

    assert [item.cursor for item in rest] == [*range(2, PAGE + 1), PAGE + 11]
    assert rest[-1].body == SessionDeleted()


@virtually
async def test_after_its_deletion_a_session_is_not_found() -> None:
    session = Session()
    watcher = await session.watch()
    session.log.deleted = True
    await asyncio.sleep(31)
    assert watcher.ended

    late = await session.watch()

    assert isinstance(late.problem, NotFound)


@virtually
async def test_an_ended_tail_is_not_joined() -> None:
    session = Session()
    watcher = await session.watch()
    session.log.commit(SessionDeleted())
    session.log.deleted = True
    late: list[Watcher] = []

    def join_at_once(_task: object) -> None:
        late.append(Watcher(session.tails, after=None))

    watcher.task.add_done_callback(join_at_once)
    await session.push(*session.log.truth)

    assert watcher.bodies == [SessionDeleted()]
    await settle()
    assert isinstance(late[0].problem, NotFound)

"""Readers share one tail, come and go as they like, and never wait for each other."""

from __future__ import annotations

import asyncio

import pytest

from domain.events.audience import Audience
from domain.events.items import ReadersClosed, SessionItem, SlowReader
from domain.events.kinds import SessionRenamed
from domain.events.live import Delta
from domain.events.mailbox import MAX_ITEMS, MAX_TEXT, Mailbox
from tests.domain.events.fakes import KEY, START, message
from tests.domain.events.session import Session, Watcher, virtually
from tests.virtual_time import run_virtually, settle

A = SessionRenamed("a")
M = message(1)
N = message(2)


@virtually
async def test_all_readers_share_one_tail_and_its_items() -> None:
    session = Session()
    watchers = [await session.watch() for _ in range(20)]

    await session.commit(A)

    assert len(session.live.listeners) == 1
    assert session.tails.readers == 20
    assert session.log.head_reads == 1
    assert len({id(watcher.items[0]) for watcher in watchers}) == 1
    watchers[0].items[0].memo["document"] = b"encoded once"
    assert watchers[1].items[0].memo == {"document": b"encoded once"}


@virtually
async def test_a_tail_ends_with_its_last_reader() -> None:
    session = Session()
    one, two = await session.watch(), await session.watch()

    await one.leave()
    assert len(session.live.listeners) == 1
    await two.leave()
    await settle()

    assert session.live.listeners == []
    assert session.tails.readers == 0


@virtually
async def test_a_reader_that_joins_while_the_last_one_leaves_misses_nothing() -> None:
    session = Session()
    last = await session.watch()

    for _ in range(30):
        last.task.cancel()
        next_one = Watcher(session.tails, after=len(session.log.truth))
        await asyncio.sleep(0)
        await session.commit(A)
        assert next_one.cursors == [len(session.log.truth)]
        last = next_one

    await last.leave()
    await settle()
    assert session.live.listeners == []


@virtually
async def test_leaving_before_the_tail_is_open_harms_nobody() -> None:
    session = Session()
    session.log.hangs = True
    hasty, patient = Watcher(session.tails, after=None), Watcher(session.tails, after=0)
    await settle()

    await hasty.leave()
    await patient.leave()
    await settle()
    assert session.tails.readers == 0
    assert session.live.listeners == []
    session.log.hangs = False
    watcher = await session.watch()
    await session.commit(A)

    assert watcher.cursors == [1]


@virtually
async def test_closing_a_stream_leaves() -> None:
    session = Session()
    items = session.tails.subscribe(KEY)
    await session.commit(A)
    waiting = asyncio.create_task(anext(items))
    await settle()
    assert session.tails.readers == 1
    await session.commit(A)
    assert (await waiting).cursor == 2

    await items.aclose()

    assert session.tails.readers == 0


@virtually
async def test_a_reader_that_stands_still_is_let_go_and_can_resume() -> None:
    session = Session()
    stalled = session.tails.subscribe(KEY)
    first = asyncio.create_task(anext(stalled))
    await settle()
    await session.commit(A)
    assert (await first).cursor == 1
    healthy = await session.watch()

    for _ in range(MAX_ITEMS + 1):
        await session.commit(A)
    assert healthy.cursors == list(range(2, MAX_ITEMS + 3))
    with pytest.raises(SlowReader, match="resume"):
        await anext(stalled)

    resumed = await session.watch(after=1)
    assert resumed.cursors == list(range(2, MAX_ITEMS + 3))


@virtually
async def test_stopping_ends_every_stream_with_a_reason_to_resume() -> None:
    session = Session()
    async with session.tails:
        watchers = [await session.watch() for _ in range(2)]

    await settle()
    late = await session.watch()

    for watcher in (*watchers, late):
        assert isinstance(watcher.problem, ReadersClosed)
    assert session.live.listeners == []


@virtually
async def test_an_unexpected_failure_ends_the_streams_and_not_the_process() -> None:
    session = Session()
    watcher = await session.watch()

    session.live.listeners[0].put("not an item")  # type: ignore[arg-type]  # what nobody thought of
    session.log.head = None  # type: ignore[assignment,method-assign]  # what nobody thought of
    await asyncio.sleep(31)

    assert isinstance(watcher.problem, TypeError)
    assert session.tails.readers == 0


@virtually
async def test_a_reader_that_replays_slowly_is_never_let_go() -> None:
    session = Session()
    session.log.commit(A)
    slow = session.tails.subscribe(KEY, after=0)
    seen = [(await anext(slow)).cursor]

    await session.commit(*[A] * (2 * MAX_ITEMS))
    while len(seen) < 2 * MAX_ITEMS + 1:
        seen.append((await anext(slow)).cursor)
    await slow.aclose()

    assert seen == list(range(1, 2 * MAX_ITEMS + 2))


@virtually
async def test_a_stop_after_the_end_changes_nothing() -> None:
    session = Session()
    watcher = await session.watch()
    session.log.deleted = True
    await asyncio.sleep(31)

    await session.tails.aclose()

    assert watcher.ended
    assert watcher.problem is None


# mailboxes


def item(number: int) -> SessionItem:
    return SessionItem(number, START, A)


def delta(offset: int, text: str, *, message_id: object = M, generation: int = 0) -> SessionItem:
    assert message_id in {M, N}
    return SessionItem(1, START, Delta(M if message_id == M else N, generation, offset, text))


async def drained(mailbox: Mailbox) -> list[SessionItem]:
    mailbox.end()
    return [item async for item in mailbox]


def test_a_full_mailbox_joins_the_deltas_of_each_text() -> None:
    mailbox = Mailbox()
    mailbox.put(item(1))
    for offset in range(100):
        mailbox.put(delta(offset, "m"))
        mailbox.put(delta(offset, "n", message_id=N))
    mailbox.put(item(2))
    for offset in range(54):
        mailbox.put(delta(100 + offset, "M"))
    mailbox.put(delta(0, "anew", generation=1))

    items = run_virtually(drained(mailbox))

    assert [item.body for item in items] == [
        A,
        Delta(M, 0, 0, "m" * 100 + "M" * 54),
        Delta(N, 0, 0, "n" * 100),
        A,
        Delta(M, 1, 0, "anew"),
    ]


def test_a_mailbox_that_is_not_full_keeps_the_shared_items() -> None:
    mailbox = Mailbox()
    put = [delta(offset, "m") for offset in range(MAX_ITEMS)]
    for one in put:
        mailbox.put(one)

    assert run_virtually(drained(mailbox)) == put


def test_merged_text_is_bounded_too() -> None:
    mailbox = Mailbox()
    piece = "x" * 4096
    for n in range(MAX_TEXT // 4096 + MAX_ITEMS + 2):
        mailbox.put(delta(n * 4096, piece))

    with pytest.raises(SlowReader):
        run_virtually(drained(mailbox))


def test_a_reader_that_was_let_go_holds_no_items() -> None:
    mailbox = Mailbox()
    for number in range(MAX_ITEMS + 1):
        mailbox.put(item(number))
    mailbox.put(item(0))

    with pytest.raises(SlowReader):
        run_virtually(drained(mailbox))


def test_only_the_first_end_of_an_audience_counts() -> None:
    audience = Audience()
    mailbox = audience.join(after=0)

    audience.end(last=item(3))
    audience.end(SlowReader())

    assert run_virtually(drained(mailbox)) == []
    assert [item.cursor for item in run_virtually(drained(audience.join(after=2)))] == [3]
    assert run_virtually(drained(audience.join(after=3))) == []


def test_only_the_first_end_counts() -> None:
    mailbox = Mailbox()
    mailbox.put(item(1))
    mailbox.end()
    mailbox.end(SlowReader())

    assert [item.cursor for item in run_virtually(drained(mailbox))] == [1]

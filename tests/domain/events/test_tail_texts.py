"""Texts reach every reader whole and in one piece, from whenever they join."""

from __future__ import annotations

import asyncio

import pytest

from domain.events.kinds import MessageDeleted, SessionRenamed
from domain.events.live import Delta
from domain.events.session_log import PAGE
from tests.domain.events.fakes import KEY, completed, created, message
from tests.domain.events.session import Session, virtually
from tests.virtual_time import settle

A = SessionRenamed("a")
M = message(1)
N = message(2)


async def begun(text: str = "", *, generation: int = 0) -> Session:
    """A session in which one message is being written."""
    session = Session()
    session.log.active_runs = True
    await session.commit(created(M))
    await session.live.begin(KEY, message_id=M, generation=generation, text=text)
    return session


@virtually
async def test_whoever_joins_gets_the_text_so_far_and_then_its_continuation() -> None:
    session = await begun("é\U0001f642")

    early = await session.watch()
    await session.append(Delta(M, 0, 2, " one"))
    late = await session.watch()
    await session.append(Delta(M, 0, 6, " two"))

    assert early.deltas == [Delta(M, 0, 0, "é\U0001f642"), Delta(M, 0, 2, " one"), Delta(M, 0, 6, " two")]
    assert late.deltas == [Delta(M, 0, 0, "é\U0001f642 one"), Delta(M, 0, 6, " two")]
    assert early.items[-1] is late.items[-1], "readers share what is sent to all"


@virtually
async def test_the_text_so_far_comes_after_the_replay() -> None:
    session = await begun("text")

    watcher = await session.watch(after=0)

    assert watcher.bodies == [created(M), Delta(M, 0, 0, "text")]
    assert [item.cursor for item in watcher.items] == [1, 1]


@virtually
async def test_a_message_without_text_yet_begins_with_its_first_delta() -> None:
    session = await begun()
    watcher = await session.watch()
    assert watcher.items == []

    await session.append(Delta(M, 0, 0, "first"))

    assert watcher.deltas == [Delta(M, 0, 0, "first")]


@virtually
async def test_overlaps_are_cut_and_doubles_dropped() -> None:
    session = await begun("one two")
    watcher = await session.watch()

    await session.push(
        Delta(M, 0, 0, "one"), Delta(M, 0, 4, "two three"), Delta(M, 0, 7, " three"), Delta(M, 0, 13, "")
    )

    assert watcher.deltas == [Delta(M, 0, 0, "one two"), Delta(M, 0, 7, " three")]


@virtually
async def test_a_gap_is_closed_from_the_live_store_at_once() -> None:
    session = await begun("one")
    watcher = await session.watch()
    session.live.texts[M].text = "one two three"

    await session.push(Delta(M, 0, 7, " three"))

    assert watcher.deltas == [Delta(M, 0, 0, "one"), Delta(M, 0, 3, " two three")]


@virtually
async def test_a_gap_that_the_store_has_lost_waits_for_the_next_beat() -> None:
    session = await begun("one")
    watcher = await session.watch()
    session.live.forget()
    reads = session.live.writing_reads

    await session.push(*[Delta(M, 0, offset, "x") for offset in range(7, 50)])
    assert session.live.writing_reads == reads + 1, "it is asked once"
    await session.live.begin(KEY, message_id=M, generation=0)
    session.live.texts[M].text = "one two"
    await asyncio.sleep(1.1)

    assert watcher.deltas == [Delta(M, 0, 0, "one"), Delta(M, 0, 3, " two")]
    session.live.texts[M].text = "one two three"
    await session.push(Delta(M, 0, 8, "three"))
    assert watcher.deltas[-1] == Delta(M, 0, 7, " three")


@virtually
async def test_a_lost_last_delta_is_found_at_the_next_beat() -> None:
    session = await begun("one")
    watcher = await session.watch()
    session.live.texts[M].text = "one two"

    await asyncio.sleep(1.1)

    assert watcher.deltas == [Delta(M, 0, 0, "one"), Delta(M, 0, 3, " two")]


@virtually
async def test_an_older_generation_is_dropped() -> None:
    session = await begun("anew", generation=2)
    watcher = await session.watch()

    await session.push(Delta(M, 1, 0, "old"), Delta(M, 1, 4, "old"))

    assert watcher.deltas == [Delta(M, 2, 0, "anew")]


@virtually
async def test_a_newer_generation_begins_at_its_beginning() -> None:
    session = await begun("old text")
    watcher = await session.watch()

    await session.live.begin(KEY, message_id=M, generation=1)
    await session.push(Delta(M, 1, 4, "lost its beginning"), Delta(M, 1, 0, ""))
    assert watcher.deltas == [Delta(M, 0, 0, "old text")]
    await session.append(Delta(M, 1, 0, "new"))
    await asyncio.sleep(1.1)
    session.live.texts[M].generation, session.live.texts[M].text = 2, "newest text"
    await session.push(Delta(M, 2, 6, " text"))

    assert watcher.deltas[1:] == [Delta(M, 1, 0, "new"), Delta(M, 2, 0, "newest text")]


@virtually
async def test_text_of_a_message_whose_creation_was_not_heard_comes_after_it() -> None:
    session = Session()
    watcher = await session.watch()
    session.log.commit(A, created(M))

    await session.push(Delta(M, 0, 0, "text"))

    assert watcher.bodies == [A, created(M), Delta(M, 0, 0, "text")]


@virtually
async def test_text_of_a_message_that_was_never_created_is_ignored() -> None:
    session = Session()
    watcher = await session.watch()

    await session.push(*[Delta(M, 0, offset, "x") for offset in range(50)])

    assert watcher.items == []
    assert session.log.fact_reads == 1, "the log is asked once a beat"


@pytest.mark.parametrize("end", [completed(M, "text"), MessageDeleted(M)])
def test_nothing_of_a_text_follows_its_end(end: object) -> None:
    @virtually
    async def check() -> None:
        session = await begun("text")
        watcher = await session.watch()

        await session.commit(end)  # type: ignore[arg-type]  # one of two kinds
        await session.push(Delta(M, 0, 4, "late"), Delta(M, 1, 0, "later"))
        await asyncio.sleep(5)
        late = await session.watch(after=0)

        assert watcher.bodies == [Delta(M, 0, 0, "text"), end]
        assert late.bodies == [created(M), end]
        assert M in session.live.texts, "the store still has it"

    check()


@virtually
async def test_an_end_that_is_found_while_a_gap_is_closed_ends_the_text() -> None:
    session = await begun("one")
    watcher = await session.watch()
    session.log.commit(created(N), completed(M, "one two"))
    await session.live.begin(KEY, message_id=N, generation=0, text="n")
    session.live.listeners[0]._items.clear()
    session.live.texts[M].text = "one"

    await session.push(Delta(M, 0, 9, "x"))

    assert watcher.bodies == [
        Delta(M, 0, 0, "one"),
        created(N),
        completed(M, "one two"),
        Delta(N, 0, 0, "n"),
    ]


@virtually
async def test_the_stale_text_of_a_message_that_ended_before_is_not_sent() -> None:
    session = await begun("text")
    await session.commit(completed(M, "text"), created(N))
    await session.live.begin(KEY, message_id=N, generation=0, text="other")

    watcher = await session.watch(after=0)
    await session.push(Delta(M, 0, 4, "late"))
    await asyncio.sleep(3)

    assert watcher.deltas == [Delta(N, 0, 0, "other")]


@virtually
async def test_a_message_created_long_ago_is_found_page_by_page() -> None:
    session = await begun("text")
    session.log.commit(*[A] * (3 * PAGE + 10))

    watcher = await session.watch()
    assert watcher.deltas == [Delta(M, 0, 0, "text")]
    reads = session.log.fact_reads
    await session.push(Delta(N, 0, 0, "never created"))

    # one look for what is new; the pages that were read are not read again
    assert session.log.fact_reads == reads + 1
    assert reads == 1 + 5


@virtually
async def test_a_message_older_than_what_is_retained_is_still_written() -> None:
    session = await begun("text")
    session.log.commit(*[A] * 10)
    session.log.oldest_seq = 5

    assert (await session.watch()).deltas == [Delta(M, 0, 0, "text")]


@virtually
async def test_text_waits_while_the_log_that_knows_its_message_is_lost() -> None:
    session = Session()
    session.log.active_runs = True
    watcher = await session.watch()
    session.log.commit(created(M))
    await session.live.begin(KEY, message_id=M, generation=0)
    session.log.lost = True

    await session.append(Delta(M, 0, 0, "one"))
    await session.append(Delta(M, 0, 3, " two"))
    assert watcher.items == []
    session.log.lost = False
    await asyncio.sleep(1.1)

    assert watcher.bodies == [created(M), Delta(M, 0, 0, "one two")]


@virtually
async def test_a_question_is_not_a_text_being_written() -> None:
    session = Session()
    watcher = await session.watch()
    question = created(M)
    question = type(question)(M, None, question.author, "what is 2+2?", None, None)

    await session.commit(question)
    await session.push(Delta(M, 0, 0, "x"))
    await settle()

    assert watcher.bodies == [question]

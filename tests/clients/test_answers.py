"""An answer is put together from its deltas, whatever order of disconnects they came through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_client import (
    AnswerFailed,
    Author,
    Heartbeat,
    Message,
    MessageCompleted,
    MessageDeleted,
    MessageDelta,
    MessageStatus,
    NotFound,
    Piece,
    ReplayGap,
    Run,
    RunMode,
    RunStatus,
    SessionEvent,
)
from codelab_client.answers import AnswerText, pieces_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def delta(text: str, *, offset: int, generation: int = 0) -> MessageDelta:
    """A delta of one message."""
    return MessageDelta(
        cursor="1",
        at=NOON,
        session_id="ses_1",
        message_id="msg_1",
        generation=generation,
        offset=offset,
        text=text,
    )


def test_pieces_follow_each_other() -> None:
    text = AnswerText()

    assert text.add(delta("Привет, ", offset=0)) == Piece("Привет, ")
    assert text.add(delta("мир 🌍", offset=8)) == Piece("мир 🌍")
    assert text.text == "Привет, мир 🌍"


def test_what_is_known_already_adds_nothing() -> None:
    text = AnswerText()
    text.add(delta("one two", offset=0))

    assert text.add(delta("one two", offset=0)) is None
    assert text.add(delta("one two three", offset=0)) == Piece(" three")
    assert text.add(delta("o", offset=0)) is None


def test_text_behind_a_hole_waits_for_the_rest() -> None:
    text = AnswerText()
    text.add(delta("one", offset=0))

    assert text.add(delta("three", offset=8)) is None
    assert text.add(delta("new", offset=4, generation=1)) is None
    assert text.text == "one"


def test_a_newer_generation_begins_anew_and_an_older_one_is_void() -> None:
    text = AnswerText()
    text.add(delta("first try", offset=0))

    assert text.add(delta("second", offset=0, generation=1)) == Piece("second", restarts=True)
    assert text.add(delta(" half", offset=9)) is None
    assert text.add(delta(" try", offset=6, generation=1)) == Piece(" try")


def test_a_newer_generation_that_says_the_same_goes_on() -> None:
    text = AnswerText()
    text.add(delta("The answer", offset=0))

    assert text.add(delta("The answer is", offset=0, generation=1)) == Piece(" is")


def test_the_end_has_the_whole_text() -> None:
    text = AnswerText()
    text.add(delta("The ans", offset=0))

    assert text.complete("The answer") == Piece("wer")
    assert text.complete("The answer") is None
    assert text.complete("Something else") == Piece("Something else", restarts=True)


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=8), st.data())
def test_any_disconnects_give_the_same_text(written: list[str], data: st.DataObject) -> None:
    text, shown, offset = AnswerText(), "", 0
    for part in written:
        deltas = [delta(part, offset=offset)]
        offset += len(part)
        whole = "".join(written)[:offset]
        if data.draw(st.booleans(), label="subscribed anew"):
            deltas.append(delta(whole, offset=0))
        for each in deltas:
            if piece := text.add(each):
                assert not piece.restarts
                shown += piece.text

    assert shown == "".join(written) == text.text


def completed(content: str, *, status: MessageStatus = MessageStatus.COMPLETE) -> MessageCompleted:
    """The end of the message."""
    return MessageCompleted(
        cursor="2",
        at=NOON,
        session_id="ses_1",
        message_id="msg_1",
        generation=0,
        status=status,
        content=content,
        usage=None,
        citations=[],
        problem=None if status is MessageStatus.COMPLETE else "The model failed.",
    )


def run(content: str = "", *, status: MessageStatus = MessageStatus.STREAMING, deleted: bool = False) -> Run:
    """The run of the message."""
    answer = Message(
        id="msg_1",
        author=Author.AGENT,
        content=content,
        status=status,
        generation=0,
        agent=None,
        model=None,
        citations=[],
        usage=None,
        created_at=NOON,
    )
    shown = {
        "id": "run_1",
        "mode": RunMode.DIRECT,
        "status": RunStatus.RUNNING,
        "agent": None,
        "confidence": None,
        "reason": None,
        "problem": None,
        "usage": {"input_tokens": 0, "output_tokens": 0, "cost": 0, "model_calls": 0, "seconds": 0},
        "created_at": NOON,
        "started_at": None,
        "finished_at": None,
        "answer": None if deleted else answer.model_dump(),
    }
    return Run.model_validate(shown)


GAP = ReplayGap(cursor="9", at=NOON, session_id="ses_1")
DELETED = MessageDeleted(cursor="9", at=NOON, session_id="ses_1", message_id="msg_0")
HEARTBEAT = Heartbeat(cursor="1", at=NOON, session_id="ses_1")


async def told(*events: SessionEvent, now: Run | None = None, timeout_s: float = 60) -> str:
    """The answer as a program sees it; `now` is what looking the run up gives."""

    async def stream() -> AsyncIterator[SessionEvent]:
        for event in events:
            yield event

    async def read(run_id: str) -> Run:
        assert run_id == "run_1"
        return now or run()

    pieces = pieces_of(run(), stream(), read=read, timeout_s=timeout_s)
    return "".join([piece.text async for piece in pieces])


async def test_an_answer_ends_with_its_message() -> None:
    other = delta("of another", offset=0).model_copy(update={"message_id": "msg_2"})

    assert (
        await told(delta("The ", offset=0), other, HEARTBEAT, completed("The end"), delta("!", offset=7))
        == "The end"
    )


async def test_after_a_gap_the_answer_is_looked_up() -> None:
    ended = run("The whole", status=MessageStatus.COMPLETE)

    assert await told(delta("The ", offset=0), GAP, now=ended) == "The whole"
    assert await told(delta("The ", offset=0), GAP, completed("The end")) == "The end"


@pytest.mark.parametrize("status", [MessageStatus.FAILED, MessageStatus.CANCELLED])
async def test_an_answer_that_is_not_whole_is_a_failure(status: MessageStatus) -> None:
    with pytest.raises(AnswerFailed) as failure:
        await told(completed("The", status=status))

    assert (failure.value.status, failure.value.content) == (status.value, "The")


async def test_an_answer_that_is_gone_is_not_found() -> None:
    with pytest.raises(NotFound):
        await told(DELETED, now=run(deleted=True))
    with pytest.raises(NotFound):
        await told(delta("The", offset=0))


async def test_an_answer_may_take_too_long() -> None:
    with pytest.raises(TimeoutError):
        await told(HEARTBEAT, HEARTBEAT, timeout_s=0)

"""The text of one answer, put together from its deltas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from codelab_client.errors import AnswerFailed, NotFound
from codelab_client.events import SessionEvent
from codelab_client.generated.enums import MessageStatus
from codelab_client.generated.fragments import (
    Message,
    MessageCompleted,
    MessageDeleted,
    MessageDelta,
    ReplayGap,
    Run,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of an answer; `restarts` when all pieces before it are void. Prints as its text."""

    text: str
    restarts: bool = False

    def __str__(self) -> str:
        return self.text


class AnswerText:
    """What is known of an answer's text; offsets are in code points, as Python counts."""

    def __init__(self) -> None:
        self.text = ""
        self._generation = 0

    def add(self, delta: MessageDelta) -> Piece | None:
        """What a delta adds; None when it holds nothing new.

        Subscribing anew brings all the text so far at offset 0, which is known already, and a newer
        generation begins the text from its start.
        """
        if delta.generation > self._generation and delta.offset == 0:
            self._generation = delta.generation
            return self._become(delta.text)
        if delta.generation != self._generation or delta.offset > len(self.text):
            return None
        return self._become(self.text[: delta.offset] + delta.text, grows_only=True)

    def complete(self, content: str) -> Piece | None:
        """What the whole text adds to the deltas that were received."""
        return self._become(content)

    def _become(self, text: str, *, grows_only: bool = False) -> Piece | None:
        known = self.text
        if text == known or (grows_only and known.startswith(text)):
            return None
        self.text = text
        if text.startswith(known):
            return Piece(text[len(known) :])
        return Piece(text, restarts=True)


async def pieces_of(
    run: Run,
    events: AsyncIterator[SessionEvent],
    *,
    read: Callable[[str], Awaitable[Run]],
    timeout_s: float,
) -> AsyncGenerator[Piece]:
    """The answer of a run from its session's events, to its end; `read` looks the run up after a gap.

    Raises:
        AnswerFailed: it ended before it was whole.
        NotFound: it was deleted.
        TimeoutError: it takes longer than `timeout_s`.
    """
    answer, text = _answer(run), AnswerText()
    if answer.status is not MessageStatus.STREAMING:  # it was asked before, by the same key
        yield Piece(answer.content)
        _End(answer.status, answer.content, run.problem).check()
        return
    deadline = asyncio.get_running_loop().time() + timeout_s
    async for event in events:
        if isinstance(event, MessageDelta) and event.message_id == answer.id:
            piece, end = text.add(event), None
        else:
            end = await _end(event, answer.id, read=lambda: read(run.id))
            piece = text.complete(end.content) if end else None
        if piece is not None:
            yield piece
        if end is not None:
            end.check()
            return
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"The answer takes longer than {timeout_s:.0f} s.")
    raise NotFound("The session was deleted.", kind="NotFound")


@dataclass(frozen=True, slots=True)
class _End:
    """How an answer ended."""

    status: MessageStatus
    content: str
    problem: str | None

    def check(self) -> None:
        """Raise what keeps the answer from being whole."""
        if self.status is not MessageStatus.COMPLETE:
            why = self.problem or f"The answer ended as {self.status.value}."
            raise AnswerFailed(why, status=self.status.value, content=self.content)


async def _end(event: SessionEvent, answer_id: str, *, read: Callable[[], Awaitable[Run]]) -> _End | None:
    """How the answer ended, if an event says so or makes it necessary to look."""
    match event:
        case MessageCompleted() if event.message_id == answer_id:
            return _End(event.status, event.content, event.problem)
        case ReplayGap() | MessageDeleted():
            run = await read()
            answer = _answer(run)
            if answer.status is not MessageStatus.STREAMING:
                return _End(answer.status, answer.content, run.problem)
    return None


def _answer(run: Run) -> Message:
    if run.answer is None:
        raise NotFound("The answer was deleted.", kind="NotFound")
    return run.answer

"""What one tail knows of the texts being written: how far each has been sent, and which are over."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from domain.events.kinds import FactBody, MessageCompleted, MessageCreated, MessageDeleted
from domain.events.live import Delta

REMEMBERED_ENDS = 4096
"""Finished messages whose late deltas are recognised without asking the log again."""


@dataclass(slots=True)
class _Text:
    """The part of one generation that has been sent; generation -1 before the first."""

    generation: int = -1
    length: int = 0
    parts: list[str] = field(default_factory=list)

    def whole(self) -> str:
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""


class OpenTexts:
    """Cuts arriving deltas to what continues each text exactly."""

    def __init__(self) -> None:
        self._open: dict[UUID, _Text] = {}
        self._ended: dict[UUID, None] = {}

    def __bool__(self) -> bool:
        """Whether any message is known to be written."""
        return bool(self._open)

    def is_open(self, message_id: UUID) -> bool:
        """Whether the message is being written, as far as the facts that were learned say."""
        return message_id in self._open

    def is_known(self, message_id: UUID) -> bool:
        """Whether any fact that was learned speaks of the message's text."""
        return message_id in self._open or message_id in self._ended

    def learn(self, body: FactBody) -> None:
        """Open or end texts as a fact says; an end is final, whatever is learned after it."""
        match body:
            case MessageCreated(message_id=message_id, content=""):
                self.open(message_id)
            case MessageCompleted(message_id=message_id) | MessageDeleted(message_id=message_id):
                self._end(message_id)
            case _:
                pass

    def open(self, message_id: UUID) -> None:
        """Let deltas of this message through, unless it has ended."""
        if not self.is_known(message_id):
            self._open[message_id] = _Text()

    def leaves_gap(self, delta: Delta) -> bool:
        """Whether text is missing between what was sent of an open message and this delta."""
        text = self._open.get(delta.message_id)
        if text is None or delta.generation < text.generation:
            return False
        return delta.offset > (text.length if delta.generation == text.generation else 0)

    def take(self, delta: Delta) -> Delta | None:
        """The new part of a delta, counted as sent from now on.

        None when there is no new part: a doubled delta, an older generation, a message that is not
        open, or a gap before it.
        """
        text = self._open.get(delta.message_id)
        if text is None or self.leaves_gap(delta) or delta.generation < text.generation:
            return None
        sent = text.length if delta.generation == text.generation else 0
        new = delta.text[sent - delta.offset :]
        if not new:
            return None
        if delta.generation > text.generation:
            text = self._open[delta.message_id] = _Text(delta.generation)
        text.parts.append(new)
        text.length += len(new)
        return Delta(delta.message_id, delta.generation, sent, new) if sent != delta.offset else delta

    def so_far(self) -> list[Delta]:
        """Each text that has begun, whole, at offset 0: where a new reader starts."""
        return [
            Delta(message_id, text.generation, 0, text.whole())
            for message_id, text in self._open.items()
            if text.length
        ]

    def _end(self, message_id: UUID) -> None:
        self._open.pop(message_id, None)
        self._ended[message_id] = None
        if len(self._ended) > REMEMBERED_ENDS:
            del self._ended[next(iter(self._ended))]

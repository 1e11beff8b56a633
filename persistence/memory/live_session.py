"""One session's live state in memory: its recent facts and the texts being written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain.events.kinds import Fact
from domain.events.live import BUFFER_TTL_S, BUFFERED_FACTS, TEXT_TTL_S, Appended, Delta, TextSoFar


@dataclass(slots=True)
class _Text:
    """One generation of a message; after its end only the refusal of more is left."""

    generation: int
    expires_at_s: float
    parts: list[str] = field(default_factory=list)
    length: int = 0
    ended: bool = False

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def whole(self) -> str:
        self.parts = ["".join(self.parts)]
        return self.parts[0]


class LiveSession:
    """The state of one session; all times are monotonic seconds.

    Attributes:
        touched_s: When it last changed.
    """

    def __init__(self) -> None:
        self.touched_s = 0.0
        self._facts: dict[int, Fact] = {}
        self._facts_expire_at_s = 0.0
        self._texts: dict[UUID, _Text] = {}

    def buffer(self, facts: Sequence[Fact], *, now_s: float) -> None:
        """Keep the facts with the highest numbers."""
        if now_s >= self._facts_expire_at_s:
            self._facts.clear()
        for fact in facts:
            is_late = self._facts and fact.seq < next(reversed(self._facts))
            self._facts[fact.seq] = fact
            if is_late:
                self._facts = dict(sorted(self._facts.items()))
        for seq in list(self._facts)[:-BUFFERED_FACTS]:
            del self._facts[seq]
        self._facts_expire_at_s = now_s + BUFFER_TTL_S

    def buffered(self, *, after: int, now_s: float) -> list[Fact]:
        """The facts that are kept, by number."""
        return [fact for fact in self._known_facts(now_s) if fact.seq > after]

    def begin(self, message_id: UUID, *, generation: int, text: str, now_s: float) -> Appended:
        """Start a generation, or go on with it when it is known and longer."""
        known = self._known_text(message_id, now_s)
        if known is not None and (known.generation, known.ended) >= (generation, True):
            return Appended.STALE
        if known is None or known.generation < generation or known.length < len(text):
            known = self._texts[message_id] = _Text(generation, now_s)
            known.add(text)
        known.expires_at_s = now_s + TEXT_TTL_S
        return Appended.ACCEPTED

    def append(self, delta: Delta, *, now_s: float) -> Appended:
        """Add the new part of a delta."""
        known = self._known_text(delta.message_id, now_s)
        if known is not None and (known.generation, known.ended) >= (delta.generation, True):
            return Appended.STALE
        if known is None or known.generation < delta.generation:
            if delta.offset:
                return Appended.GAP
            known = self._texts[delta.message_id] = _Text(delta.generation, now_s + TEXT_TTL_S)
        if delta.offset > known.length:
            return Appended.GAP
        if new := delta.text[known.length - delta.offset :]:
            known.add(new)
            known.expires_at_s = now_s + TEXT_TTL_S
        return Appended.ACCEPTED

    def finish(self, message_id: UUID, *, generation: int, now_s: float) -> TextSoFar | None:
        """End a generation; its text, when it is known."""
        known = self._known_text(message_id, now_s)
        if known is not None and known.generation > generation:
            return None
        self._texts[message_id] = _Text(generation, now_s + TEXT_TTL_S, ended=True)
        if known is None or known.ended or known.generation < generation:
            return None
        return TextSoFar(message_id, generation, known.whole())

    def writing(self, *, now_s: float) -> list[TextSoFar]:
        """The texts that have begun and not ended."""
        self._texts = {
            message_id: text for message_id, text in self._texts.items() if text.expires_at_s > now_s
        }
        return [
            TextSoFar(message_id, text.generation, text.whole())
            for message_id, text in self._texts.items()
            if not text.ended
        ]

    def _known_facts(self, now_s: float) -> list[Fact]:
        return list(self._facts.values()) if now_s < self._facts_expire_at_s else []

    def _known_text(self, message_id: UUID, now_s: float) -> _Text | None:
        text = self._texts.get(message_id)
        return text if text is not None and text.expires_at_s > now_s else None

"""One reader of a session: keeps what a user interface keeps, and holds the server to every promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.resume.wire import LIVE_ONLY, Event, LogRow, cursor_of, expected, received


@dataclass(slots=True)
class Text:
    """The text of one generation as this connection's deltas have put it together."""

    generation: int
    text: str


@dataclass
class Reader:
    """A reader over all of its connections.

    Args:
        session_id: The session that is read.
        lossless: Nothing is lost between writers and readers, so that no text is ever seen shorter again.
        start: The cursor to begin after.
    """

    session_id: str
    lossless: bool
    start: int = 0
    cursor: int = -1
    durable: list[Event] = field(default_factory=list)
    completed: dict[str, str] = field(default_factory=dict)
    deltas: int = 0
    heartbeats: int = 0
    ended: bool = False
    _created: set[str] = field(default_factory=set)
    _known: dict[str, Text] = field(default_factory=dict)
    _texts: dict[str, Text] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cursor = self.start

    def connected(self) -> None:
        """A new connection begins: every text must come whole again."""
        self._texts = {}

    @property
    def writing(self) -> bool:
        """Whether this connection is in the midst of a text."""
        return bool(self._texts)

    def receive(self, event: Event) -> None:
        """Take the next event.

        Raises:
            AssertionError: a promise was broken.
        """
        assert event["sessionId"] == self.session_id
        kind = event["__typename"]
        if kind in LIVE_ONLY:
            assert cursor_of(event) == self.cursor, "a position that is not that of the last durable event"
            self._receive_delta(event) if kind == "MessageDelta" else self._receive_heartbeat()
            return
        assert not self.ended, "something after the end"
        assert kind != "ReplayGap", "a gap that there is no reason for"
        assert cursor_of(event) == self.cursor + 1, f"{cursor_of(event)} after {self.cursor}"
        self.cursor += 1
        self.durable.append(event)
        self._receive_durable(event)

    def verify(self, log: Sequence[LogRow], texts: Mapping[str, str], *, whole: bool = True) -> None:
        """Compare everything with the truth; `whole` when the reader must have got to its end.

        Raises:
            AssertionError: they differ.
        """
        wanted = [row for row in log if row.seq > self.start]
        assert [row.seq for row in wanted] == list(range(self.start + 1, self.start + 1 + len(wanted)))
        assert not whole or len(self.durable) == len(wanted)
        for event, row in zip(self.durable, wanted, strict=False):
            assert received(event) == expected(row, self.session_id)
        for message_id in self.completed.keys() & texts.keys():
            assert self.completed[message_id] == texts[message_id]

    def _receive_durable(self, event: Event) -> None:
        match event["__typename"]:
            case "MessageCreated":
                self._created.add(str(event["messageId"]))
            case "MessageCompleted":
                self._complete(event)
            case "SessionDeleted":
                self.ended = True

    def _complete(self, event: Event) -> None:
        message_id, content = str(event["messageId"]), str(event["content"])
        assert message_id not in self.completed, "a second end"
        self.completed[message_id] = content
        text = self._texts.pop(message_id, None)
        self._known.pop(message_id, None)
        if text is None or text.generation != event["generation"]:
            return
        shorter, longer = sorted((content, text.text), key=len)
        assert longer.startswith(shorter), f"a text ended as {content!r} after {text.text!r}"
        if event["messageStatus"] == "COMPLETE" or (self.lossless and event["problem"] is not None):
            # a stopped text loses nothing that was seen, unless its message was deleted (no problem is named then)
            assert shorter == text.text, f"{event['messageStatus']}: {content!r} is less than {text.text!r}"

    def _receive_heartbeat(self) -> None:
        self.heartbeats += 1

    def _receive_delta(self, event: Event) -> None:
        message_id, generation = str(event["messageId"]), int(str(event["generation"]))
        offset, piece = int(str(event["offset"])), str(event["text"])
        self.deltas += 1
        assert piece, "a delta without text"
        assert message_id in self._created, "text before its message"
        assert message_id not in self.completed, "text after its end"
        text = self._texts.get(message_id)
        if text is None or generation > text.generation:
            text = self._texts[message_id] = Text(generation, "")
        assert generation == text.generation, "text of an older generation"
        assert offset == len(text.text), f"text at {offset} after {len(text.text)} code points"
        text.text += piece
        self._compare(message_id, text, first=offset == 0)

    def _compare(self, message_id: str, text: Text, *, first: bool) -> None:
        """Connections must not contradict each other; without losses a later one knows no less."""
        known = self._known.get(message_id)
        if known is not None and known.generation == text.generation:
            if self.lossless and first:
                assert text.text.startswith(known.text), "text that was there is missing or different"
            shorter, longer = sorted((known.text, text.text), key=len)
            assert longer.startswith(shorter), "two connections disagree about a text"
            if len(text.text) < len(known.text):
                return
        elif known is not None and self.lossless:
            assert text.generation > known.generation, "an older generation came back"
        self._known[message_id] = Text(text.generation, text.text)

"""What a reader of a session receives, and how a stream ends before its time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from domain.events.kinds import FactBody
from domain.events.live import Delta


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing happened; the item's cursor is the log's head."""


@dataclass(frozen=True, slots=True)
class ReplayGap:
    """The log does not lead from the reader's cursor to here: refetch, then go on from the item's cursor."""


@dataclass(slots=True, eq=False)
class SessionItem:
    """One step of a session's stream; all readers of a session share the object.

    `cursor` is the fact's own number or, for what is not stored (deltas, heartbeats, gaps), that of
    the last fact before it. `memo` belongs to transports: whoever encodes the item first may keep the
    result there, under a key that names everything it depends on (document, operation, variables), so
    that the next reader sends the same bytes. It must never hold what depends on one reader.
    """

    cursor: int
    at: datetime
    body: FactBody | Delta | Heartbeat | ReplayGap
    memo: dict[object, object] = field(default_factory=dict)


class Interrupted(Exception):
    """The stream ended early through no fault of the session: resume from the last cursor received."""


class SlowReader(Interrupted):
    """The reader fell too far behind and was let go, so that it slows no one else."""

    def __init__(self) -> None:
        super().__init__("The reader fell too far behind; resume from the last cursor.")


class ReadersClosed(Interrupted):
    """This process is stopping."""

    def __init__(self) -> None:
        super().__init__("The server is stopping; resume from the last cursor.")

"""The port to the session's stored log, which decides what has happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from domain.events.kinds import Fact
from domain.events.live import SessionKey


@dataclass(frozen=True, slots=True)
class LogHead:
    """How far a session's log reaches at this moment.

    `seq` is the newest fact (0 when there was none yet), `oldest_seq` the first that is retained
    (seq + 1 when none is), `active_runs` whether any run of the session has not ended.
    """

    seq: int
    oldest_seq: int
    active_runs: bool


class FactLog(Protocol):
    """Reads committed facts; never shows a fact before those with lower numbers."""

    async def facts(self, key: SessionKey, *, after: int, limit: int) -> list[Fact]:
        """At most `limit` retained facts with seq > after, by seq; empty for an unknown session.

        Raises:
            Unavailable: the database does not answer.
        """

    async def head(self, key: SessionKey) -> LogHead | None:
        """Where the log ends; None when this owner has no such session (any more).

        Raises:
            Unavailable: the database does not answer.
        """

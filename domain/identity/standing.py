"""Which sign-ins stand, as far as this process knows: a bounded memory in front of SQL, which decides."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from uuid import UUID

from domain.scopes import HintCommitted, UserTx

REVOKED_CHANNEL = "revoked"
"""The channel of hints `{"sign_in_id": str}` between processes."""
LIVE_FOR_S = 30.0
"""How long a sign-in counts as standing after SQL said so: what a lost hint can cost."""
MAX_LIVE = 10_000
MAX_REVOKED = 10_000
"""Forgetting one costs a question to SQL."""


class Known(Enum):
    """What is known of a sign-in without asking SQL."""

    LIVE = "LIVE"
    REVOKED = "REVOKED"
    UNKNOWN = "UNKNOWN"


def announce_revoked(tx: UserTx, sign_in_ids: Iterable[UUID]) -> None:
    """Let every process hear, once it is committed, that sign-ins are over."""
    for sign_in_id in sign_in_ids:
        tx.announce(HintCommitted(REVOKED_CHANNEL, {"sign_in_id": str(sign_in_id)}))


class Standing:
    """Sign-ins that were seen to stand lately, those that were revoked, and who waits to hear of it."""

    def __init__(self, *, monotonic_s: Callable[[], float], live_for_s: float = LIVE_FOR_S) -> None:
        self._now_s = monotonic_s
        self._live_for_s = live_for_s
        self._live: OrderedDict[UUID, float] = OrderedDict()
        self._revoked: OrderedDict[UUID, None] = OrderedDict()
        self._watched: dict[UUID, set[asyncio.Event]] = {}

    def known(self, sign_in_id: UUID) -> Known:
        """What is known."""
        if sign_in_id in self._revoked:
            return Known.REVOKED
        return Known.LIVE if self.live_for_s(sign_in_id) > 0 else Known.UNKNOWN

    def live_for_s(self, sign_in_id: UUID) -> float:
        """For how many seconds it still counts as standing; 0 when it does not."""
        return max(self._live.get(sign_in_id, -math.inf) - self._now_s(), 0.0)

    def confirm(self, sign_in_id: UUID) -> None:
        """SQL said that it stands; a revocation heard meanwhile is stronger."""
        if sign_in_id not in self._revoked:
            self._live[sign_in_id] = self._now_s() + self._live_for_s
            _keep_last(self._live, sign_in_id, MAX_LIVE)

    def revoke(self, sign_in_ids: Iterable[UUID]) -> None:
        """They are over: nobody gets in with them here from now on, and watchers are woken."""
        for sign_in_id in sign_in_ids:
            self._live.pop(sign_in_id, None)
            self._revoked[sign_in_id] = None
            _keep_last(self._revoked, sign_in_id, MAX_REVOKED)
            for event in self._watched.get(sign_in_id, ()):
                event.set()

    @contextmanager
    def watch(self, sign_in_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set once the sign-in is known to be over."""
        event = asyncio.Event()
        if sign_in_id in self._revoked:
            event.set()
        watchers = self._watched.setdefault(sign_in_id, set())
        watchers.add(event)
        try:
            yield event
        finally:
            watchers.discard(event)
            if not watchers:
                self._watched.pop(sign_in_id, None)


def _keep_last(known: OrderedDict[UUID, float] | OrderedDict[UUID, None], newest: UUID, bound: int) -> None:
    known.move_to_end(newest)
    while len(known) > bound:
        known.popitem(last=False)

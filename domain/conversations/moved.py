"""Transactions that begin again when what they had read changed under them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from domain.errors import Unavailable
from domain.scopes import UserScope, UserTx

T = TypeVar("T")

ATTEMPTS = 8


class Moved(Exception):
    """Another transaction changed what this one had read: nothing of this one is kept, and it begins again."""


async def settled(scope: UserScope, work: Callable[[UserTx, int], T]) -> T:
    """Run a transaction until nothing moves under it; `work` also gets the number of the attempt, from 0.

    Raises:
        Unavailable: it moved every time.
    """
    for attempt in range(ATTEMPTS):
        try:
            return await scope.write(_numbered(work, attempt))
        except Moved:
            continue
    raise Unavailable("Too much happens in this chat at once. Try again.", retry_after_s=1.0)


def _numbered(work: Callable[[UserTx, int], T], attempt: int) -> Callable[[UserTx], T]:
    return lambda tx: work(tx, attempt)

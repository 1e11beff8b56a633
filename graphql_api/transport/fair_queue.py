"""The queue of operations that are about to begin: one of each person per turn of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque


class FairQueue:
    """Lets nobody's many operations hold up another's.

    What an operation computes, it computes in one piece. All that are ready do so before the event loop looks
    at anyone else again; with one of each person among them, a flood costs others one operation per turn
    instead of all that are in it. Who waits is bounded by what bounds the operations of a connection.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def next_of(self, who: str) -> None:
        """Return in a turn of the event loop in which no other call for `who` does, first come first served."""
        if who not in self._waiting:
            self._waiting[who] = deque()
            asyncio.get_running_loop().call_soon(self._let_in, who)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[who].append(turn)
        await turn

    def _let_in(self, who: str) -> None:
        waiting = self._waiting[who]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():  # nobody waits for it any more
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._let_in, who)
                return
        del self._waiting[who]

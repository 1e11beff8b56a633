"""Lets nobody's many operations hold up another's: each person begins one per turn of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """The operations that wait for their turn, by who asked for them.

    What an operation computes, it computes in one piece. All that are ready do so before the event loop looks
    at anyone else again; with one of each person among them, a flood costs others one operation per turn
    instead of all that are in it. Who waits is bounded by what bounds the operations of a connection.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def taken(self, who: str) -> None:
        """Return in a turn of the event loop in which nobody else's call for `who` does, first come first served."""
        if who not in self._waiting:
            self._waiting[who] = deque()
            asyncio.get_running_loop().call_soon(self._next, who)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[who].append(turn)
        await turn

    def _next(self, who: str) -> None:
        waiting = self._waiting[who]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():  # nobody waits for it any more
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._next, who)
                return
        del self._waiting[who]

"""Waits for a run to end, for clients that want the finished answer in one response."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from uuid import UUID

from domain.bus.ports import WorkHere
from domain.conversations.begin import Begun
from domain.conversations.states import RUN_ENDS
from domain.errors import NotFound
from domain.events.items import Interrupted
from domain.events.kinds import RunStatusChanged
from domain.events.live import SessionKey
from domain.events.reader import SessionTails
from domain.scopes import UserScope, UserTx
from domain.tasks.entities import Claim


class WaitForRun:
    """Watches this process's own work on a run or, where that is not to be had, the session's log as any reader does."""

    def __init__(self, tails: SessionTails, *, work: WorkHere) -> None:
        self._tails = tails
        self._work = work

    async def __call__(self, scope: UserScope, begun: Begun, *, seconds: float) -> None:
        """Return when the run has ended or the time is up; no snapshot is held meanwhile."""
        await scope.aclose()
        try:
            async with asyncio.timeout(seconds):
                if begun.claim is not None and await self._is_recorded_here(begun.claim):
                    return
                seq = begun.seq if begun.seq is not None else await scope.read_once(partial(_unended, begun))
                if seq is not None:
                    await self._until_ended(SessionKey(scope.user_id, begun.session_id), begun.run_id, seq)
        except (TimeoutError, Interrupted, NotFound):
            pass  # the message is sent: whoever waited reads how far its answer is, if it is still there

    async def _is_recorded_here(self, claim: Claim) -> bool:
        """Wait for this process's work, until it stops; whether the run has ended by that."""
        if (working := self._work.working(claim)) is None:
            return False
        await asyncio.wait({working, self._tails.closing}, return_when=asyncio.FIRST_COMPLETED)
        return working.done() and not working.cancelled() and working.result()

    async def _until_ended(self, key: SessionKey, run_id: UUID, seq: int) -> None:
        async with aclosing(self._tails.subscribe(key, after=seq)) as items:
            async for item in items:
                if _is_end(item.body, run_id):
                    return


def _unended(begun: Begun, tx: UserTx) -> int | None:
    """The end of the log at a moment when the run had not ended; None when it has."""
    p = tx.project(begun.project_id)
    run = p.runs.many([begun.run_id]).get(begun.run_id)
    session = p.sessions.many([begun.session_id]).get(begun.session_id)
    return session.seq if session and run and run.status not in RUN_ENDS else None


def _is_end(body: object, run_id: UUID) -> bool:
    return isinstance(body, RunStatusChanged) and body.run_id == run_id and body.status in RUN_ENDS

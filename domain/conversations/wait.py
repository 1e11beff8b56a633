"""Waits for a run to end, for clients that want the finished answer in one response."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from uuid import UUID

from domain.conversations.states import RUN_ENDS
from domain.events.kinds import RunStatusChanged
from domain.events.live import SessionKey
from domain.events.reader import SessionTails
from domain.scopes import UserScope, UserTx


class WaitForRun:
    """Follows the session's log, like any reader."""

    def __init__(self, tails: SessionTails) -> None:
        self._tails = tails

    async def __call__(
        self, scope: UserScope, *, project_id: UUID, session_id: UUID, run_id: UUID, seconds: float
    ) -> None:
        """Return when the run has ended or the time is up; no snapshot is held meanwhile."""
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._until_ended(scope, project_id, SessionKey(scope.user_id, session_id), run_id)
        except TimeoutError:
            pass
        finally:
            await scope.aclose()

    async def _until_ended(self, scope: UserScope, project_id: UUID, key: SessionKey, run_id: UUID) -> None:
        def work(tx: UserTx) -> int | None:
            p = tx.project(project_id)
            run = p.runs.many([run_id]).get(run_id)
            session = p.sessions.many([key.session_id]).get(key.session_id)
            return session.seq if session and run and run.status not in RUN_ENDS else None

        seq = await scope.read(work)
        await scope.aclose()
        if seq is None:
            return
        async with aclosing(self._tails.subscribe(key, after=seq)) as items:
            async for item in items:
                if _is_end(item.body, run_id):
                    return


def _is_end(body: object, run_id: UUID) -> bool:
    return isinstance(body, RunStatusChanged) and body.run_id == run_id and body.status in RUN_ENDS

"""Stops a run: what was written so far stays, and is marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.bus.close import close_tasks
from domain.errors import NotFound
from domain.events.live import Live, SessionKey, TextSoFar
from domain.scopes import UserScope, UserTx
from domain.tasks.ports import OpenTask

STOPPED = "Stopped by you."


class Stop:
    """Ends a run at once, whoever works on it; stopping what has ended changes nothing."""

    def __init__(self, *, live: Live) -> None:
        self._live = live

    async def __call__(self, scope: UserScope, run_id: UUID) -> None:
        """Cancel the run's open tasks and their answers.

        The answers are silenced first: what readers have seen of them by then is what is kept.

        Raises:
            NotFound: no such run.
        """

        def find(tx: UserTx) -> tuple[UUID, UUID, Sequence[OpenTask]]:
            place = tx.projects.of_run(run_id)
            if place is None:
                raise NotFound("run")
            return *place, tx.project(place[0]).tasks.open_of_run(run_id)

        project_id, session_id, tasks = await scope.read_once(find)
        key = SessionKey(scope.user_id, session_id)
        texts = await self._silenced(key, tasks)

        def work(tx: UserTx) -> Sequence[OpenTask]:
            p = tx.project(project_id)
            return close_tasks(p, lambda: p.tasks.open_of_run(run_id), texts=texts, problem=STOPPED)

        for task in await scope.write(work):
            await self._live.finish(key, message_id=task.answer_id, generation=task.generation)

    async def _silenced(self, key: SessionKey, tasks: Sequence[OpenTask]) -> Mapping[UUID, TextSoFar]:
        """End the live texts of these tasks' answers; each as it was then."""
        texts = [
            await self._live.finish(key, message_id=task.answer_id, generation=task.generation)
            for task in tasks
        ]
        return {text.message_id: text for text in texts if text is not None}

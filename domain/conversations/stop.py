"""Stops a run: what was written so far stays, and is marked."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from domain.bus.close import close_tasks
from domain.errors import NotFound
from domain.events.live import Live, SessionKey
from domain.scopes import UserScope, UserTx
from domain.tasks.ports import OpenTask

STOPPED = "Stopped by you."


class Stop:
    """Ends a run at once, whoever works on it; stopping what has ended changes nothing."""

    def __init__(self, *, live: Live) -> None:
        self._live = live

    async def __call__(self, scope: UserScope, run_id: UUID) -> None:
        """Cancel the run's open tasks and their answers.

        Raises:
            NotFound: no such run.
        """
        place = await scope.read(lambda tx: tx.projects.of_run(run_id))
        if place is None:
            raise NotFound("run")
        project_id, session_id = place
        key = SessionKey(scope.user_id, session_id)
        texts = await self.texts(key)

        def work(tx: UserTx) -> list[OpenTask]:
            p = tx.project(project_id)
            tasks = list(p.tasks.open_of_run(run_id))
            close_tasks(p, tasks, texts=texts, problem=STOPPED)
            return tasks

        for task in await scope.write(work):
            await self._live.finish(key, message_id=task.answer_id, generation=task.generation)

    async def texts(self, key: SessionKey) -> Mapping[UUID, str]:
        """The texts so far of the session's unfinished answers."""
        return {text.message_id: text.text for text in await self._live.writing(key)}

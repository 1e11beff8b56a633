"""Tasks that live as long as the application."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Self

import structlog

log = structlog.get_logger("codelab.background")


class Background:
    """Owns tasks: leaving the context cancels them and waits. One that fails is logged and takes no other along."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def start(self, work: Coroutine[None, None, None], *, name: str) -> None:
        """Run until the context is left."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("a background task failed", task=task.get_name(), exc_info=error)

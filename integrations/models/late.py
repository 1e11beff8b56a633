"""A client whose library takes seconds to import: loaded once, in a thread, while the event loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closes(Protocol):
    """Something with connections of its own."""

    async def aclose(self) -> None:
        """Close them."""


C = TypeVar("C", bound=Closes)


class LateClient(Generic[C]):
    """Loads at the first use, or earlier when `warm_up` was called."""

    def __init__(self, load: Callable[[], C], *, name: str) -> None:
        self._load = load
        self._name = name
        self._loading: asyncio.Task[C] | None = None

    def warm_up(self) -> None:
        """Begin loading in the background; calling it again does nothing."""
        _ = self._task()

    async def get(self) -> C:
        """The loaded client; a caller that is cancelled leaves the loading to the others."""
        return await asyncio.shield(self._task())

    async def aclose(self) -> None:
        """Close all connections; calls that are still open fail."""
        if self._loading is None:
            return
        if not self._loading.done():
            self._loading.cancel()
            await asyncio.wait([self._loading])
        elif self._loading.exception() is None:
            await self._loading.result().aclose()

    def _task(self) -> asyncio.Task[C]:
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load), name=self._name)
        return self._loading

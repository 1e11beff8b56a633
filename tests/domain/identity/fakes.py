"""Stand-ins for what identity asks of its surroundings."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager


class FakePasswords:
    """Hashes that cost nothing; remembers what it was asked to verify."""

    def __init__(self) -> None:
        self.verified: list[tuple[str, str | None]] = []

    async def hash(self, password: str) -> str:
        await asyncio.sleep(0)
        return hashlib.sha256(password.encode()).hexdigest()

    async def verify(self, password: str, password_hash: str | None) -> bool:
        self.verified.append((password, password_hash))
        return password_hash == await self.hash(password)


class FakeHints:
    """Delivers at once to whoever listens; can lose what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Mapping[str, object]]] = []
        self.lossy = False
        self._listeners: list[tuple[str, asyncio.Queue[Mapping[str, object]]]] = []

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    async def send(self, channel: str, hint: Mapping[str, object]) -> None:
        self.sent.append((channel, hint))
        for listened, queue in self._listeners:
            if listened == channel and not self.lossy:
                queue.put_nowait(hint)

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[Mapping[str, object]]]:
        listener = (channel, asyncio.Queue[Mapping[str, object]]())
        self._listeners.append(listener)
        try:
            yield _received(listener[1])
        finally:
            self._listeners.remove(listener)


async def _received(queue: asyncio.Queue[Mapping[str, object]]) -> AsyncIterator[Mapping[str, object]]:
    while True:
        yield await queue.get()

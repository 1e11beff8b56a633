"""Hints inside one process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import cast

from broadcaster import Broadcast

from persistence.memory.channels import MemoryChannels


class MemoryHints:
    """`Hints` for one process, over a broadcast with the broadcaster's own memory backend."""

    def __init__(self, broadcast: Broadcast) -> None:
        self._channels = MemoryChannels(broadcast)

    async def send(self, channel: str, hint: Mapping[str, object]) -> None:
        await self._channels.send(f"hints:{channel}", hint)

    def listen(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, object]]]:
        return self._channels.listen(f"hints:{channel}", read=_hints)


def _hints(message: object) -> tuple[Mapping[str, object]]:
    return (cast("Mapping[str, object]", message),)

"""Hints between processes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import cast

import orjson
from broadcaster import Broadcast

from persistence.channels import listening
from persistence.redis.broadcast import RedisBackend

logger = logging.getLogger(__name__)


class RedisHints:
    """`Hints` over Redis pub/sub, as JSON; while Redis is lost they reach this process alone.

    Args:
        broadcast: Opened by the caller, over `backend`.
        backend: The broadcast's backend.
    """

    def __init__(self, *, broadcast: Broadcast, backend: RedisBackend) -> None:
        self._broadcast = broadcast
        self._backend = backend

    async def send(self, channel: str, hint: Mapping[str, object]) -> None:
        await self._broadcast.publish(_name(channel), orjson.dumps(hint).decode())

    def listen(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, object]]]:
        return listening(self._broadcast, _name(channel), read=_read, subscribed=self._backend.subscribed)


def _name(channel: str) -> str:
    return f"codelab:hints:{channel}"


def _read(message: object) -> Sequence[Mapping[str, object]]:
    try:
        hint: object = orjson.loads(cast("str", message))
    except orjson.JSONDecodeError:
        hint = None
    if isinstance(hint, dict):
        return [hint]
    logger.warning("redis: an unreadable hint was ignored")
    return []

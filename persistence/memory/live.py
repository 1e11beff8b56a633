"""The live store of the embedded matrix: one process, objects passed as they are."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import cast
from uuid import UUID

from broadcaster import Broadcast

from domain.events.kinds import Fact
from domain.events.live import BUFFER_TTL_S, TEXT_TTL_S, Appended, Delta, SessionKey, TextSoFar
from persistence.memory.channels import MemoryChannels
from persistence.memory.live_session import LiveSession

MAX_SESSIONS = 10_000
"""Sessions kept at once; beyond that the longest idle one is forgotten, which costs its readers a look into SQL."""
IDLE_S = max(BUFFER_TTL_S, TEXT_TTL_S)


class MemoryLive:
    """`Live` for one process.

    Args:
        broadcast: Opened by the caller, with the broadcaster's own memory backend.
        monotonic_s: The clock, in seconds.
        max_sessions: Sessions kept at once.
    """

    def __init__(
        self, broadcast: Broadcast, *, monotonic_s: Callable[[], float], max_sessions: int = MAX_SESSIONS
    ) -> None:
        self._channels = MemoryChannels(broadcast)
        self._now_s = monotonic_s
        self._max_sessions = max_sessions
        self._sessions: OrderedDict[SessionKey, LiveSession] = OrderedDict()

    @property
    def sessions(self) -> int:
        """How many sessions are remembered."""
        return len(self._sessions)

    async def publish(self, key: SessionKey, facts: Sequence[Fact]) -> None:
        self._touch(key).buffer(facts, now_s=self._now_s())
        for fact in facts:
            await self._send(key, fact)

    async def buffered(self, key: SessionKey, *, after: int) -> list[Fact]:
        session = self._sessions.get(key)
        return [] if session is None else session.buffered(after=after, now_s=self._now_s())

    async def begin(self, key: SessionKey, *, message_id: UUID, generation: int, text: str = "") -> Appended:
        outcome = self._touch(key).begin(message_id, generation=generation, text=text, now_s=self._now_s())
        if text and outcome is Appended.ACCEPTED:
            await self._send(key, Delta(message_id, generation, 0, text))
        return outcome

    async def append(self, key: SessionKey, delta: Delta) -> Appended:
        outcome = self._touch(key).append(delta, now_s=self._now_s())
        if outcome is Appended.ACCEPTED:
            await self._send(key, delta)
        return outcome

    async def finish(self, key: SessionKey, *, message_id: UUID, generation: int) -> TextSoFar | None:
        return self._touch(key).finish(message_id, generation=generation, now_s=self._now_s())

    async def writing(self, key: SessionKey) -> list[TextSoFar]:
        session = self._sessions.get(key)
        return [] if session is None else session.writing(now_s=self._now_s())

    def listen(self, key: SessionKey) -> AbstractAsyncContextManager[AsyncIterator[Fact | Delta]]:
        return self._channels.listen(_channel(key), read=_items)

    async def drop(self, key: SessionKey) -> None:
        self._sessions.pop(key, None)

    async def _send(self, key: SessionKey, item: Fact | Delta) -> None:
        await self._channels.send(_channel(key), item)

    def _touch(self, key: SessionKey) -> LiveSession:
        """The session's state; forgets those that are idle or too many, longest idle first."""
        session = self._sessions.pop(key, None) or LiveSession()
        session.touched_s = self._now_s()
        self._sessions[key] = session
        while self._is_one_too_many(next(iter(self._sessions.values())), now_s=session.touched_s):
            self._sessions.popitem(last=False)
        return session

    def _is_one_too_many(self, oldest: LiveSession, *, now_s: float) -> bool:
        return len(self._sessions) > self._max_sessions or oldest.touched_s + IDLE_S <= now_s


def _channel(key: SessionKey) -> str:
    return f"live:{key.user_id}:{key.session_id}"


def _items(message: object) -> tuple[Fact | Delta]:
    return (cast("Fact | Delta", message),)

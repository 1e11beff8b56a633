"""A log in a list, and a live store that does everything that it is allowed to do wrong."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.conversations.entities import Author, MessageStatus, RunMode
from domain.errors import Unavailable
from domain.events.kinds import (
    Fact,
    FactBody,
    MessageCompleted,
    MessageCreated,
    RunStarted,
    SessionDeleted,
    SessionRenamed,
)
from domain.events.live import Appended, Delta, SessionKey, TextSoFar
from domain.events.log import LogHead

KEY = SessionKey(UUID(int=1), UUID(int=2))
START = datetime(2026, 1, 1, tzinfo=UTC)


def message(number: int) -> UUID:
    return UUID(int=1000 + number)


def created(message_id: UUID) -> MessageCreated:
    return MessageCreated(message_id, None, Author.AGENT, "", None, None)


def completed(message_id: UUID, text: str, *, generation: int = 0) -> MessageCompleted:
    return MessageCompleted(message_id, generation, MessageStatus.COMPLETE, text, None, (), None)


def run_started() -> RunStarted:
    return RunStarted(UUID(int=3), RunMode.DIRECT, None, None, None)


def clock() -> datetime:
    return START + timedelta(seconds=asyncio.get_running_loop().time())


class ListLog:
    """`FactLog` in a list; can be lost, pruned, deleted, or hang."""

    def __init__(self) -> None:
        self.truth: list[Fact] = []
        self.oldest_seq = 1
        self.active_runs = False
        self.lost = False
        self.hangs = False
        self.deleted = False
        self.head_reads = 0
        self.fact_reads = 0

    def commit(self, *bodies: FactBody) -> list[Fact]:
        facts = [Fact(len(self.truth) + n, START, body) for n, body in enumerate(bodies, start=1)]
        self.truth += facts
        return facts

    async def facts(self, key: SessionKey, *, after: int, limit: int) -> list[Fact]:
        self.fact_reads += 1
        await self._answer()
        first = max(after, self.oldest_seq - 1, 0)
        return [] if key != KEY or self.deleted else self.truth[first : first + limit]

    async def head(self, key: SessionKey) -> LogHead | None:
        self.head_reads += 1
        await self._answer()
        if key != KEY or self.deleted:
            return None
        return LogHead(len(self.truth), self.oldest_seq, self.active_runs)

    async def _answer(self) -> None:
        await asyncio.sleep(3600 if self.hangs else 0)
        if self.lost:
            raise Unavailable("The database is lost.")


@dataclass(slots=True)
class _Text:
    generation: int
    text: str = ""
    ended: bool = False


def deliver(item: Fact | Delta) -> Sequence[Fact | Delta]:
    """The fate of an item in a good network."""
    return [item]


@dataclass
class FakeLive:
    """`Live` whose broadcasts pass through `fate`, and which can be lost or forget everything."""

    fate: Callable[[Fact | Delta], Sequence[Fact | Delta]] = deliver
    down: bool = False
    buffer: dict[int, Fact] = field(default_factory=dict)
    texts: dict[UUID, _Text] = field(default_factory=dict)
    listeners: list[_Arrivals] = field(default_factory=list)
    buffered_reads: int = 0
    writing_reads: int = 0

    def broadcast(self, *items: Fact | Delta) -> None:
        for item in items:
            for fated in self.fate(item):
                self.push(fated)

    def push(self, item: Fact | Delta) -> None:
        for listener in self.listeners:
            listener.put(item)

    def forget(self) -> None:
        self.buffer.clear()
        self.texts.clear()

    async def publish(self, key: SessionKey, facts: Sequence[Fact]) -> None:
        if not self.down:
            self.buffer.update((fact.seq, fact) for fact in facts)
            self.broadcast(*facts)

    async def buffered(self, key: SessionKey, *, after: int) -> list[Fact]:
        self.buffered_reads += 1
        await asyncio.sleep(0)
        return [] if self.down else [self.buffer[seq] for seq in sorted(self.buffer) if seq > after][-100:]

    async def begin(self, key: SessionKey, *, message_id: UUID, generation: int, text: str = "") -> Appended:
        if self.down:
            return Appended.ACCEPTED
        self.texts[message_id] = _Text(generation, text)
        if text:
            self.broadcast(Delta(message_id, generation, 0, text))
        return Appended.ACCEPTED

    async def append(self, key: SessionKey, delta: Delta) -> Appended:
        if self.down:
            return Appended.ACCEPTED
        known = self.texts.get(delta.message_id)
        if known is None or known.generation != delta.generation or delta.offset > len(known.text):
            return Appended.GAP
        known.text += delta.text[len(known.text) - delta.offset :]
        self.broadcast(delta)
        return Appended.ACCEPTED

    async def finish(self, key: SessionKey, *, message_id: UUID, generation: int) -> TextSoFar | None:
        if not self.down:
            self.texts.pop(message_id, None)
        return None

    async def writing(self, key: SessionKey) -> list[TextSoFar]:
        self.writing_reads += 1
        await asyncio.sleep(0)
        if self.down:
            return []
        return [TextSoFar(mid, known.generation, known.text) for mid, known in self.texts.items()]

    @asynccontextmanager
    async def listen(self, key: SessionKey) -> AsyncIterator[AsyncIterator[Fact | Delta]]:
        await asyncio.sleep(0)
        arrivals = _Arrivals()
        self.listeners.append(arrivals)
        try:
            yield arrivals
        finally:
            self.listeners.remove(arrivals)

    async def drop(self, key: SessionKey) -> None:
        self.forget()


class _Arrivals:
    def __init__(self) -> None:
        self._items: deque[Fact | Delta] = deque(maxlen=64)
        self._filled = asyncio.Event()

    def put(self, item: Fact | Delta) -> None:
        self._items.append(item)
        self._filled.set()

    def __aiter__(self) -> _Arrivals:
        return self

    async def __anext__(self) -> Fact | Delta:
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()


__all__ = [
    "KEY",
    "START",
    "FakeLive",
    "ListLog",
    "SessionDeleted",
    "SessionRenamed",
    "clock",
    "completed",
    "created",
    "message",
    "run_started",
]

"""A client of the exact reader that checks every promise while it reads."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from uuid import UUID

from domain.errors import Unavailable
from domain.events.items import Heartbeat, Interrupted, ReplayGap, SessionItem
from domain.events.kinds import FactBody, MessageCompleted, MessageCreated
from domain.events.live import Delta
from domain.events.reader import SessionTails
from tests.domain.events.fakes import KEY


@dataclass
class Client:
    """Keeps what a user interface would keep; a connection can be opened and closed at will."""

    cursor: int = 0
    facts: list[FactBody] = field(default_factory=list)
    texts: dict[UUID, tuple[int, str]] = field(default_factory=dict)
    created: set[UUID] = field(default_factory=set)
    completed: dict[UUID, str] = field(default_factory=dict)
    items: list[SessionItem] = field(default_factory=list)
    heartbeats: int = 0
    gaps: int = 0
    problem: BaseException | None = None
    leaves_early: bool = False
    _task: asyncio.Task[None] | None = None
    _fresh: set[UUID] = field(default_factory=set)

    @property
    def connected(self) -> bool:
        return self._task is not None and not self._task.done()

    def connect(self, tails: SessionTails, *, stop_after: int | None = None) -> None:
        self._fresh = set(self.texts)
        self.leaves_early = stop_after is not None
        self._task = asyncio.get_running_loop().create_task(self._read(tails, stop_after))

    async def disconnect(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async def ended(self) -> None:
        assert self._task is not None
        await self._task

    async def _read(self, tails: SessionTails, stop_after: int | None) -> None:
        try:
            async with aclosing(tails.subscribe(KEY, after=self.cursor)) as items:
                async for item in items:
                    self.receive(item)
                    if stop_after is not None and (stop_after := stop_after - 1) <= 0:
                        return
        except (Interrupted, Unavailable) as problem:
            self.problem = problem

    def receive(self, item: SessionItem) -> None:
        self.items.append(item)
        match item.body:
            case Delta():
                assert item.cursor == self.cursor
                self._receive_text(item.body)
            case Heartbeat():
                assert item.cursor == self.cursor
                self.heartbeats += 1
            case ReplayGap():
                self.gaps += 1
                self.cursor = item.cursor
            case body:
                assert item.cursor == self.cursor + 1, "a fact is missing, doubled or out of order"
                self.cursor = item.cursor
                self._receive_fact(body)

    def _receive_fact(self, body: FactBody) -> None:
        self.facts.append(body)
        if isinstance(body, MessageCreated):
            self.created.add(body.message_id)
        elif isinstance(body, MessageCompleted):
            self.completed[body.message_id] = body.content
            generation, text = self.texts.get(body.message_id, (-1, ""))
            assert generation != body.generation or body.content.startswith(text), "a text went wrong"

    def _receive_text(self, delta: Delta) -> None:
        assert delta.text, "an empty delta says nothing"
        assert delta.message_id in self.created, "text before its message"
        assert delta.message_id not in self.completed, "text after its message's end"
        generation, text = self.texts.get(delta.message_id, (-1, ""))
        if delta.generation != generation or delta.message_id in self._fresh:
            assert delta.generation >= generation or delta.message_id in self._fresh, "an older generation"
            assert delta.offset == 0, "a text does not begin at its beginning"
            text = ""
        assert delta.offset == len(text), "a text has a gap or an overlap"
        self._fresh.discard(delta.message_id)
        self.texts[delta.message_id] = (delta.generation, text + delta.text)

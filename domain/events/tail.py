"""The live end of one session's log, followed once for all of its readers in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from domain.errors import NotFound, Unavailable
from domain.events.audience import Audience
from domain.events.items import Heartbeat, Interrupted, SessionItem
from domain.events.kinds import Fact, RunStarted, SessionDeleted
from domain.events.live import BUFFERED_FACTS, Delta, Live, SessionKey
from domain.events.log import FactLog
from domain.events.lookback import LookBack
from domain.events.mailbox import Mailbox
from domain.events.session_log import PAGE, SessionLog, leading
from domain.events.texts import OpenTexts
from domain.ports import Clock

CLOCK_SLACK_S = 0.01
"""Timers may fire this much early."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a tail compares itself with the log, and how long it waits for an answer, in seconds."""

    heartbeat_s: float = 30.0
    active_s: float = 1.0
    log_timeout_s: float = 5.0


class Tail:
    """Follows one session: emits each fact after its first position exactly once and in order.

    What the live store says is a hint. Facts are emitted by number; a hole is filled from the store's
    buffer or from the log; at every beat (each `heartbeat_s`, and each `active_s` while a run is active
    or the log is lost) the position is compared with the log's head and the texts with the store's.
    Deltas continue their text exactly, begin only after the message was created and stop when it ends.

    Exactly one task awaits `run`. Readers attach between two items, never in the midst of one.
    """

    def __init__(self, key: SessionKey, *, live: Live, log: FactLog, clock: Clock, rhythm: Rhythm) -> None:
        self.key = key
        self.position = 0
        self.readers = 0
        self._live = live
        self._log = SessionLog(key, log=log, timeout_s=rhythm.log_timeout_s)
        self._clock = clock
        self._rhythm = rhythm
        self._audience = Audience()
        self._texts = OpenTexts()
        self._look_back = LookBack(self._log, self._texts, start=0, oldest=1)
        self._pending: dict[int, Fact] = {}
        self._unresolved: set[UUID] = set()
        self._log_is_lost = False
        self._texts_are_lost = False
        self._active = False
        self._quiet = True
        self._next_beat_s = 0.0
        self._next_heartbeat_s = 0.0
        self._turn = asyncio.Lock()
        self._opened = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether nothing will be emitted any more."""
        return self._audience.ended

    async def opened(self) -> None:
        """Wait until the tail knows its position.

        Raises:
            NotFound: the owner has no such session.
            Unavailable: the log could not be read.
        """
        await self._opened.wait()
        if self._audience.problem is not None:
            raise self._audience.problem

    def attach(self, *, after: int) -> tuple[list[SessionItem], Mailbox]:
        """Join at the present position: the texts so far, and a mailbox for all that is emitted from now on."""
        texts = [] if self.ended else self._texts.so_far()
        now = self._clock()
        return [SessionItem(self.position, now, text) for text in texts], self._audience.join(after=after)

    def detach(self, mailbox: Mailbox) -> None:
        """Put nothing into this mailbox any more."""
        self._audience.leave(mailbox)

    async def reach(self, seq: int) -> None:
        """Catch up with the log when a reader has already seen more than this tail.

        Raises:
            Unavailable: the log could not be read.
        """
        async with self._turn:
            if seq > self.position:
                await self._read_log()

    async def replay(self, *, after: int) -> list[SessionItem]:
        """Some facts that lead on from `after`, not beyond the position; empty when none do.

        Raises:
            Unavailable: the log could not be read.
        """
        until = self.position
        if after >= until:
            return []
        facts = leading(await self._live.buffered(self.key, after=after), after=after)
        if not facts:
            facts = leading(await self._log.page(after=after), after=after)
        return [SessionItem(fact.seq, fact.at, fact.body) for fact in facts if fact.seq <= until]

    def end(self, problem: Exception) -> None:
        """Emit nothing more; every reader gets what waits for it and then the problem."""
        self._audience.end(problem)
        self._opened.set()

    async def run(self) -> None:
        """Follow the session until it is deleted.

        Raises:
            NotFound: the owner has no such session.
            Unavailable: the log could not be read at the start; later losses are waited out.
            Interrupted: the log does not lead on from the position (a restored database).
        """
        async with self._live.listen(self.key) as arrivals:
            async with self._turn:
                await self._open()
            self._opened.set()
            while not self.ended:
                await self._step(arrivals)

    async def _open(self) -> None:
        """Take the log's head as position, after listening has begun, and the texts so far."""
        head = await self._log.head()
        if head is None:
            raise NotFound("session")
        self.position = head.seq
        self._look_back = LookBack(self._log, self._texts, start=head.seq, oldest=head.oldest_seq)
        self._active = head.active_runs
        self._next_heartbeat_s = _now_s() + self._rhythm.heartbeat_s
        self._schedule()
        await self._refresh_texts()

    async def _step(self, arrivals: AsyncIterator[Fact | Delta]) -> None:
        arrival: Fact | Delta | None = None
        try:
            async with asyncio.timeout_at(self._next_beat_s):
                arrival = await anext(arrivals)
        except TimeoutError:
            pass  # nothing came before the beat
        async with self._turn:
            try:
                await self._handle(arrival)
            except Unavailable:
                self._log_is_lost = True
                self._next_beat_s = _now_s() + self._rhythm.active_s

    async def _handle(self, arrival: Fact | Delta | None) -> None:
        match arrival:
            case Fact():
                await self._take_fact(arrival)
            case Delta():
                await self._take_delta(arrival)
            case None:
                await self._beat()

    async def _beat(self) -> None:
        """Compare with the log's head and the live texts, repair, and say that all is well."""
        self._next_beat_s = _now_s() + self._rhythm.active_s
        self._log_is_lost = self._texts_are_lost = False
        self._unresolved.clear()
        head = await self._log.head()
        if head is None:
            await self._say_goodbye()
            return
        if head.seq < self.position:
            raise Interrupted("The log went back behind its readers; resume from the last cursor.")
        self._active = head.active_runs
        await self._fill(until=head.seq)
        if self._active or self._texts:
            await self._refresh_texts()
        if not self.ended:
            self._send_heartbeat()
            self._schedule()

    async def _say_goodbye(self) -> None:
        """Emit the end of a session that is gone, from the log if that can still be read there."""
        await self._read_log()
        if not self.ended:
            self._emit_fact(Fact(self.position + 1, self._clock(), SessionDeleted()))

    def _send_heartbeat(self) -> None:
        now_s = _now_s()
        if self._quiet or now_s >= self._next_heartbeat_s - CLOCK_SLACK_S:
            self._emit(SessionItem(self.position, self._clock(), Heartbeat()))
            self._next_heartbeat_s = now_s + self._rhythm.heartbeat_s
        self._quiet = True

    def _schedule(self) -> None:
        self._next_beat_s = self._next_heartbeat_s
        if self._active:
            self._hurry()

    def _hurry(self) -> None:
        self._next_beat_s = min(self._next_beat_s, _now_s() + self._rhythm.active_s)

    async def _take_fact(self, fact: Fact) -> None:
        if fact.seq <= self.position:
            return
        self._pending[fact.seq] = fact
        self._emit_pending()
        if self._pending and not self._log_is_lost:
            await self._fill(until=max(self._pending))
        if len(self._pending) > BUFFERED_FACTS:
            self._pending.clear()

    async def _fill(self, *, until: int) -> None:
        """Emit at least up to `until`: from the buffer as far as it leads, then from the log."""
        if self.position < until:
            for fact in await self._live.buffered(self.key, after=self.position):
                self._pending[fact.seq] = fact
            self._emit_pending()
        if self.position < until:
            await self._read_log()

    async def _read_log(self) -> None:
        """Emit everything that is committed."""
        more = True
        while more and not self.ended:
            page = await self._log.page(after=self.position)
            for fact in page:
                if fact.seq != self.position + 1:
                    raise Interrupted("The log does not lead on from here; resume from the last cursor.")
                self._emit_fact(fact)
            more = len(page) >= PAGE
        self._emit_pending()

    def _emit_pending(self) -> None:
        while (fact := self._pending.pop(self.position + 1, None)) is not None:
            self._emit_fact(fact)
        if self._pending and min(self._pending) <= self.position:
            self._pending = {seq: fact for seq, fact in self._pending.items() if seq > self.position}

    def _emit_fact(self, fact: Fact) -> None:
        self.position = fact.seq
        self._texts.learn(fact.body)
        item = SessionItem(fact.seq, fact.at, fact.body)
        self._emit(item)
        if isinstance(fact.body, RunStarted):
            self._active = True
            self._hurry()
        elif isinstance(fact.body, SessionDeleted):
            self._audience.end(last=item)

    def _emit(self, item: SessionItem) -> None:
        self._quiet = False
        self._audience.give(item)

    async def _take_delta(self, delta: Delta) -> None:
        if not await self._is_open(delta.message_id):
            return
        if self._texts.leaves_gap(delta) and not self._texts_are_lost:
            await self._refresh_texts()
            # what the store has lost is not asked for again before the next beat
            self._texts_are_lost = self._texts.leaves_gap(delta)
        self._emit_text(delta)

    async def _refresh_texts(self) -> None:
        """Emit what the live store's texts have beyond what was sent."""
        for text in await self._live.writing(self.key):
            if await self._is_open(text.message_id):
                self._emit_text(Delta(text.message_id, text.generation, 0, text.text))

    def _emit_text(self, delta: Delta) -> None:
        new = self._texts.take(delta)
        if new is not None:
            self._emit(SessionItem(self.position, self._clock(), new))
            self._active = True
            self._hurry()

    async def _is_open(self, message_id: UUID) -> bool:
        """Whether the message is being written; reads the log when nothing was learned of it yet."""
        texts = self._texts
        if not (texts.is_known(message_id) or message_id in self._unresolved or self._log_is_lost):
            self._unresolved.add(message_id)
            await self._read_log()
            await self._look_back.until_known(message_id)
        return texts.is_open(message_id)


def _now_s() -> float:
    return asyncio.get_running_loop().time()

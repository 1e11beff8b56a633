"""A reader that leaves at random points and resumes from its last cursor, anywhere and over anything."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

import httpx

from tests.resume.reader import Reader
from tests.resume.streams import Interrupted, Stream, TransportKind, WebSocketStream, open_stream

VISIT_S = 2.0
"""How long a connection lasts when nothing happens that would end it."""
FINISH_S = 30.0
REST_S = 0.05
"""How long to wait when a server can't be reached."""


class Point(StrEnum):
    """Where a connection is given up."""

    ACK = "right after the acknowledgement"
    FRAME = "after the n-th event"
    DELTA = "in the midst of a text"
    REPLAY = "during replay"
    IDLE = "when nothing came"
    CUT = "when the server cut it"


@dataclass
class Figures:
    """What all wanderers of a test did."""

    points: Counter[Point] = field(default_factory=Counter)
    connections: Counter[TransportKind] = field(default_factory=Counter)
    switched_transport: int = 0
    switched_server: int = 0
    switched_in_mid_answer: int = 0
    events: int = 0
    deltas: int = 0
    restarted: int = 0
    heartbeats: int = 0
    readers: int = 0
    heads: Counter[str] = field(default_factory=Counter)

    @property
    def left(self) -> int:
        """How often a connection was given up."""
        return self.points.total()

    def __str__(self) -> str:
        """One line for a report."""
        points = ", ".join(f"{count} {point}" for point, count in sorted(self.points.items()))
        return (
            f"{self.left} disconnect points ({points}); {self.readers} readers checked {self.events} durable"
            f" events, {self.deltas} deltas, {self.heartbeats} heartbeats; {self.switched_transport} changes of"
            f" transport, {self.switched_server} of server ({self.switched_in_mid_answer} in mid-answer);"
            f" {self.restarted} deltas of restarted texts"
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """When to give a connection up, after how many events of which kind."""

    point: Point
    count: int


class Wanderer:
    """Follows one session through many connections; a generation of readers, one after the other.

    Args:
        http: Carries event streams.
        servers: Where to connect, each by its URL.
        token: The session's owner.
        session_id: What to read.
        lossless: See `Reader`.
        random: Decides everything.
        figures: Where to count.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        servers: list[str],
        *,
        token: str,
        session_id: str,
        lossless: bool,
        random: Random,
        figures: Figures,
    ) -> None:
        self.readers: list[Reader] = []
        self._http = http
        self._servers = servers
        self._token = token
        self._session_id = session_id
        self._lossless = lossless
        self._random = random
        self._figures = figures
        self._reader = self._fresh()
        self._kind = TransportKind.SSE
        self._server = servers[0]

    async def wander(self, until: asyncio.Event) -> None:
        """Connect, read and leave until the event is set."""
        while not until.is_set():
            if self._random.random() < 0.06:
                self._reader = self._fresh()
            await asyncio.sleep(self._absence_s())
            await self._visit()

    async def finish(self) -> Reader:
        """Read to the end of what has happened (no run is active any more) and return the last reader."""
        reader, head = self._reader, self._figures.heads[self._session_id]
        async with asyncio.timeout(FINISH_S):
            while reader.cursor < head:
                try:
                    await self._read_on(reader, until=head)
                except Interrupted:
                    await asyncio.sleep(REST_S)
        return reader

    async def _read_on(self, reader: Reader, *, until: int) -> None:
        stream = await self._connect(reader)
        try:
            while reader.cursor < until and (event := await stream.next()) is not None:
                self._take(reader, event)
        finally:
            await stream.leave(abruptly=False)

    def _fresh(self) -> Reader:
        reader = Reader(self._session_id, lossless=self._lossless)
        self.readers.append(reader)
        self._figures.readers += 1
        return reader

    def _absence_s(self) -> float:
        """Mostly none; sometimes long enough to miss something."""
        return self._random.choice((0.0, 0.0, self._random.uniform(0.0, 0.1), self._random.uniform(0.1, 0.6)))

    async def _visit(self) -> None:
        reader = self._reader
        try:
            stream = await self._connect(reader)
        except Interrupted:
            await asyncio.sleep(REST_S)
            return
        try:
            await self._stay(reader, stream)
            while isinstance(stream, WebSocketStream) and self._random.random() < 0.3:
                await stream.cancel()
                await self._resubscribe(reader, stream)
                await self._stay(reader, stream)
        except Interrupted:
            self._figures.points[Point.CUT] += 1
        finally:
            await stream.leave(abruptly=self._random.random() < 0.5)

    async def _connect(self, reader: Reader) -> Stream:
        figures, before = self._figures, (self._kind, self._server)
        self._kind = self._random.choice(list(TransportKind))
        self._server = self._random.choice(self._servers)
        figures.connections[self._kind] += 1
        figures.switched_transport += before[0] != self._kind
        figures.switched_server += before[1] != self._server
        figures.switched_in_mid_answer += before[1] != self._server and reader.writing
        reader.connected()
        return await open_stream(
            self._kind,
            self._http,
            self._server,
            token=self._token,
            session_id=self._session_id,
            after=reader.cursor,
        )

    async def _resubscribe(self, reader: Reader, stream: WebSocketStream) -> None:
        reader.connected()
        await stream.subscribe(after=reader.cursor)

    async def _stay(self, reader: Reader, stream: Stream) -> None:
        plan = self._plan(reader)
        point, left = plan.point, plan.count
        try:
            async with asyncio.timeout(VISIT_S):
                while left:
                    event = await stream.next()
                    assert event is not None, "the stream of a session that lives was completed"
                    self._take(reader, event)
                    left -= plan.point is not Point.DELTA or event["__typename"] == "MessageDelta"
        except TimeoutError:
            point = Point.IDLE
        self._figures.points[point] += 1

    def _plan(self, reader: Reader) -> Plan:
        random, missed = self._random, self._figures.heads[self._session_id] - reader.cursor
        draw = random.random()
        if draw < 0.1:
            return Plan(Point.ACK, 0)
        if missed > 1 and draw < 0.5:
            return Plan(Point.REPLAY, random.randint(1, min(missed - 1, 60)))
        if draw < 0.7:
            return Plan(Point.DELTA, random.randint(1, 12))
        return Plan(Point.FRAME, 1 + int(random.expovariate(1 / 12)))

    def _take(self, reader: Reader, event: object) -> None:
        assert isinstance(event, dict)
        reader.receive(event)
        figures = self._figures
        match event["__typename"]:
            case "MessageDelta":
                figures.deltas += 1
                figures.restarted += event["generation"] > 0
            case "Heartbeat":
                figures.heartbeats += 1
            case _:
                figures.events += 1
                figures.heads[self._session_id] = max(figures.heads[self._session_id], reader.cursor)

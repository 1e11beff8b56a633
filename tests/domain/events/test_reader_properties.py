"""Whatever the live store does wrong and whenever clients come and go, every client ends up exact."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events.kinds import Fact, FactBody, SessionDeleted, SessionRenamed
from domain.events.live import Appended, Delta
from domain.events.reader import SessionTails
from domain.events.tail import Rhythm
from tests.domain.events.fakes import KEY, FakeLive, ListLog, clock, completed, created, message, run_started
from tests.domain.events.readers import Client
from tests.soak import SOAK
from tests.virtual_time import run_virtually

STEPS = [
    "start",
    "write",
    "write",
    "write",
    "write",
    "write",
    "restart",
    "complete",
    "complete",
    "rename",
    "rename",
    "burst",
    "release",
    "forget",
    "down",
    "up",
    "lose_log",
    "find_log",
    "wait",
    "wait",
    "wait_long",
    "connect",
    "connect",
    "connect",
    "disconnect",
    "disconnect",
    "glance",
    "check",
]


class World:
    """One session with writers, two server processes, a faulty live store and some clients."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.log = ListLog()
        self.live = FakeLive(fate=self._fate)
        self.held: list[Fact | Delta] = []
        self.writing: dict[UUID, tuple[int, str]] = {}
        self.clients = [Client() for _ in range(3)]
        self.processes = [
            SessionTails(live=self.live, log=self.log, clock=clock, rhythm=Rhythm(heartbeat_s=5))
            for _ in range(2)
        ]
        self.kind = True

    def _fate(self, item: Fact | Delta) -> Sequence[Fact | Delta]:
        if self.kind:
            return [item]
        fate = self.chance.randrange(6)
        if fate == 0:
            return []
        if fate == 1:
            return [item, item]
        if fate == 2:
            self.held.append(item)
            return []
        return [item]

    async def commit(self, *bodies: FactBody) -> None:
        self.log.active_runs = bool(self.writing)
        await self.live.publish(KEY, self.log.commit(*bodies))

    async def start(self) -> None:
        message_id = message(len(self.log.truth))
        self.writing[message_id] = (0, "")
        await self.commit(run_started(), created(message_id))
        await self.live.begin(KEY, message_id=message_id, generation=0)

    async def write(self) -> None:
        if not self.writing:
            await self.start()
        message_id = self.chance.choice(list(self.writing))
        generation, text = self.writing[message_id]
        more = f"{len(text)}é🙂 "[: self.chance.randrange(1, 6)]
        self.writing[message_id] = (generation, text + more)
        outcome = await self.live.append(KEY, Delta(message_id, generation, len(text), more))
        if outcome is Appended.GAP:
            await self.live.begin(KEY, message_id=message_id, generation=generation, text=text + more)

    async def restart(self) -> None:
        for message_id, (generation, text) in self.writing.items():
            whole = self.chance.choice(["", text, "anew"])
            self.writing[message_id] = (generation + 1, whole)
            await self.live.begin(KEY, message_id=message_id, generation=generation + 1, text=whole)
            break

    async def complete(self) -> None:
        if self.writing:
            message_id = self.chance.choice(list(self.writing))
            generation, text = self.writing.pop(message_id)
            if self.chance.randrange(3):
                await self.live.finish(KEY, message_id=message_id, generation=generation)
            await self.commit(completed(message_id, text, generation=generation))

    async def rename(self) -> None:
        await self.commit(SessionRenamed(str(len(self.log.truth))))

    async def burst(self) -> None:
        for _ in range(self.chance.choice([3, 30, 130])):
            await self.rename()

    async def release(self) -> None:
        self.chance.shuffle(self.held)
        for item in self.held:
            self.live.push(item)
        self.held.clear()

    async def forget(self) -> None:
        self.live.forget()

    async def down(self) -> None:
        self.live.down = True

    async def up(self) -> None:
        self.live.down = False

    async def lose_log(self) -> None:
        self.log.lost = True

    async def find_log(self) -> None:
        self.log.lost = False

    async def wait(self) -> None:
        await asyncio.sleep(self.chance.choice([0, 0.001, 0.3, 2]))

    async def wait_long(self) -> None:
        await asyncio.sleep(8)

    async def connect(self) -> None:
        client = self.chance.choice(self.clients)
        if not client.connected:
            client.connect(self.chance.choice(self.processes))

    async def disconnect(self) -> None:
        await self.chance.choice(self.clients).disconnect()

    async def glance(self) -> None:
        """Read a few items and leave in the midst of a replay."""
        client = self.chance.choice(self.clients)
        if not client.connected:
            client.connect(self.chance.choice(self.processes), stop_after=self.chance.randrange(1, 8))

    async def check(self) -> None:
        """With a healthy log and store, everyone knows everything within a heartbeat."""
        await self.find_log()
        await self.up()
        for message_id, (generation, text) in self.writing.items():
            await self.live.begin(KEY, message_id=message_id, generation=generation, text=text)
        for client in self.clients:
            if client.leaves_early:
                await client.disconnect()
        for _ in range(3):
            # a client that was just being refused connects again
            for client in self.clients:
                if not client.connected:
                    client.connect(self.chance.choice(self.processes))
            await asyncio.sleep(6)
        bodies = [fact.body for fact in self.log.truth]
        begun = {message_id: text for message_id, text in self.writing.items() if text[1]}
        for client in self.clients:
            assert client.facts == bodies
            assert {message_id: client.texts.get(message_id) for message_id in begun} == begun
            assert client.gaps == 0

    async def live_through(self, steps: list[str]) -> None:
        self.kind = False
        for client, process in zip(self.clients, self.processes, strict=False):
            client.connect(process)
        for step in steps:
            await getattr(self, step)()
            if self.chance.randrange(2):
                await asyncio.sleep(0)
        while self.writing:
            await self.complete()
        await self.check()
        await self.commit(SessionDeleted())
        for client in self.clients:
            await client.ended()
            assert client.facts[-1] == SessionDeleted()
        for process in self.processes:
            assert process.readers == 0
            await process.aclose()
        assert not self.live.listeners


@settings(max_examples=4_000 if SOAK else 150)
@given(st.lists(st.sampled_from(STEPS), min_size=20, max_size=80), st.integers(0, 2**32))
def test_every_client_receives_exactly_the_truth(steps: list[str], seed: int) -> None:
    # many small chances: drawing each from hypothesis would take longer than the test
    run_virtually(World(random.Random(seed)).live_through(steps))

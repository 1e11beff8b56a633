"""The worker of one process: claims tasks, keeps their leases, and lets go of them in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from domain.bus.claim import NotReady, claim
from domain.bus.ports import ENGINE_CHANNEL, LEASE_S, EngineQueue
from domain.bus.recover import take_back
from domain.errors import Unavailable
from domain.events.live import Hints, Live, SessionKey
from domain.scopes import Scopes
from domain.tasks.entities import Claim, TaskKey

log = logging.getLogger("codelab.engine")

BATCH = 16


@dataclass(frozen=True, slots=True)
class WorkerTimes:
    """Seconds between the worker's rounds; a lease outlives two lost heartbeats."""

    lease_s: float = LEASE_S
    heartbeat_s: float = LEASE_S / 3
    poll_s: float = 2.0
    drain_s: float = 10.0


@dataclass(slots=True)
class Held:
    """A claim that is being worked on; `valid_until` is monotonic."""

    claim: Claim
    valid_until: float
    task: asyncio.Task[None] | None = field(default=None)


class Guard:
    """Tells the one who works on a claim whether it may still speak.

    A process that was stopped past its lease finds the guard closed the moment it goes on.
    """

    def __init__(self, held: Held, monotonic: Callable[[], float]) -> None:
        self._held = held
        self._monotonic = monotonic

    @property
    def open(self) -> bool:
        """Whether the lease still holds by this process's own clock."""
        return self._monotonic() < self._held.valid_until


Work = Callable[[Claim, Guard], Awaitable[None]]


class Worker:
    """Runs up to `capacity` tasks at once. `serve` until cancelled; `drain` before that."""

    def __init__(
        self,
        worker_id: UUID,
        *,
        queue: EngineQueue,
        scopes: Scopes,
        live: Live,
        hints: Hints,
        work: Work,
        capacity: int,
        monotonic: Callable[[], float],
        times: WorkerTimes | None = None,
    ) -> None:
        self.worker_id = worker_id
        self._queue = queue
        self._scopes = scopes
        self._live = live
        self._hints = hints
        self._work = work
        self._capacity = capacity
        self._monotonic = monotonic
        self._times = times or WorkerTimes()
        self._held: dict[UUID, Held] = {}
        self._wake = asyncio.Event()
        self._draining = False

    @property
    def accepts(self) -> bool:
        """Whether there is room for one more task."""
        return self._room() > 0

    def _room(self) -> int:
        return 0 if self._draining else max(self._capacity - len(self._held), 0)

    @property
    def running(self) -> int:
        """Tasks being worked on by this process."""
        return len(self._held)

    def start(self, claimed: Claim) -> None:
        """Work on a claim whose transaction is committed."""
        held = Held(claimed, self._monotonic() + self._times.lease_s)
        self._held[claimed.task.task_id] = held
        held.task = asyncio.create_task(self._run(held), name=f"task {claimed.task.task_id}")

    async def _run(self, held: Held) -> None:
        try:
            await self._work(held.claim, Guard(held, self._monotonic))
        except Exception:
            log.exception(
                "task failed outside its own handling", extra={"task_id": str(held.claim.task.task_id)}
            )
        finally:
            was_full = not self.accepts
            self._held.pop(held.claim.task.task_id, None)
            if was_full:
                self._wake.set()

    async def serve(self) -> None:
        """Claim, renew and recover until cancelled. A lost database is waited for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._every(self._times.poll_s, self._claim_all, wake=self._wake))
            group.create_task(self._every(self._times.heartbeat_s, self._renew))
            group.create_task(self._every(self._times.poll_s, self._recover))

    async def _every(
        self, interval_s: float, action: Callable[[], Awaitable[None]], *, wake: asyncio.Event | None = None
    ) -> None:
        signal = wake or asyncio.Event()
        while True:
            signal.clear()  # before acting: what is queued from now on wakes us again
            try:
                await action()
            except Unavailable:
                log.warning("the engine waits for its database")
            except Exception:
                log.exception("a round of the engine failed; the next one follows")
            try:
                async with asyncio.timeout(interval_s):
                    await signal.wait()
            except TimeoutError:
                pass

    async def _listen(self) -> None:
        async with self._hints.listen(ENGINE_CHANNEL) as hints:
            async for hint in hints:
                if cancelled := hint.get("cancel"):
                    self._cancel(str(cancelled))
                if hint.get("wake"):
                    self._wake.set()

    def _cancel(self, task_id: str) -> None:
        for held in self._held.values():
            if str(held.claim.task.task_id) == task_id and held.task is not None:
                held.valid_until = 0
                held.task.cancel()

    async def _claim_all(self) -> None:
        while room := self._room():
            keys = await self._queue.ready(limit=min(BATCH, room))
            claimed = [await self._claim(key) for key in keys]
            if not any(claimed):
                return

    async def _claim(self, key: TaskKey) -> bool:
        scope = self._scopes.open(key.user_id)
        act = partial(claim, key=key, worker_id=self.worker_id, lease_s=self._times.lease_s)
        try:
            claimed = await scope.write(act)
        except NotReady:
            return False
        if claimed is None:
            return False
        self.start(claimed)
        return True

    async def _renew(self) -> None:
        held = dict(self._held)
        if not held:
            return
        asked_at = self._monotonic()
        kept = await self._queue.renew(self.worker_id, list(held), lease_s=self._times.lease_s)
        for task_id, each in held.items():
            if task_id in kept:
                each.valid_until = asked_at + self._times.lease_s
            elif self._held.get(task_id) is each:
                self._cancel(str(task_id))

    async def _recover(self) -> None:
        for key in await self._queue.abandoned(limit=BATCH):
            await self._take_back(key)

    async def _take_back(self, key: TaskKey, *, worker_id: UUID | None = None) -> None:
        scope = self._scopes.open(key.user_id)
        task = await scope.write(partial(take_back, key=key, worker_id=worker_id))
        if task is None:
            return
        await self._live.begin(
            SessionKey(key.user_id, task.session_id), message_id=task.answer_id, generation=task.generation
        )

    async def drain(self) -> None:
        """Claim nothing more, let what runs end in time, and hand the rest back to the queue."""
        self._draining = True
        running = [held.task for held in self._held.values() if held.task is not None]
        if running:
            await asyncio.wait(running, timeout=self._times.drain_s)
        for held in list(self._held.values()):
            if held.task is not None:
                held.task.cancel()
                await asyncio.wait([held.task])
            try:
                await self._take_back(held.claim.task, worker_id=self.worker_id)
            except Unavailable:
                log.warning("a task could not be handed back; its lease will end")

"""The worker of one process: claims tasks, keeps their leases, and lets go of them in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from domain.bus.claim import NotReady, claim
from domain.bus.guard import Guard, Held, Work
from domain.bus.ports import ENGINE_CHANNEL, LEASE_S, EngineQueue
from domain.bus.recover import take_back
from domain.errors import Unavailable
from domain.events.live import Hints, Live, SessionKey
from domain.scopes import Scopes
from domain.tasks.entities import Claim, TaskKey, TaskStatus

log = logging.getLogger("codelab.engine")

BATCH = 16
CONTENTION_S = 0.005
"""The first pause after others were faster; it doubles up to the poll."""
CANCEL_S = 5.0
"""How long a cancelled task may take to clean up behind itself before it is left alone."""
RETURN_S = 5.0
"""How long handing tasks back may take; what is not handed back is taken when its lease ends."""
RETRY_S = 1.0
"""The pause after a round that failed, unless its rounds are closer together."""


@dataclass(frozen=True, slots=True)
class WorkerTimes:
    """Seconds between the worker's rounds; a lease outlives two lost heartbeats."""

    lease_s: float = LEASE_S
    heartbeat_s: float = LEASE_S / 3
    poll_s: float = 2.0
    drain_s: float = 10.0


class Worker:
    """Runs up to `capacity` tasks at once. `serve` until cancelled; `drain` before that.

    A worker that is `alone` has the data to itself: whatever runs under another name as it starts was
    left behind by a process that is gone, and is taken back without waiting for the lease to end.
    """

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
        alone: bool = False,
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
        self._must_abandon = alone
        self._held: dict[UUID, Held] = {}
        self._wake = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._draining = False

    @property
    def lease_s(self) -> float:
        """How long a claim is worth without a heartbeat."""
        return self._times.lease_s

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
        if (lost := self._held.get(claimed.task.task_id)) is not None:
            _let_go(lost)  # this worker slept past its lease, and has the task again
        self._held[claimed.task.task_id] = held
        held.task = asyncio.create_task(self._run(held), name=f"task {claimed.task.task_id}")

    def working(self, claimed: Claim) -> asyncio.Future[bool] | None:
        """The work on a claim of this process's; see the port `WorkHere`."""
        held = self._held.get(claimed.task.task_id)
        return held.task if held is not None and held.claim.fence == claimed.fence else None

    async def _run(self, held: Held) -> bool:
        try:
            await self._work(held.claim, Guard(held, self._monotonic))
        except Exception:
            log.exception("a task failed outside its own handling", extra=_named(held.claim.task))
        finally:
            was_full = not self.accepts
            if self._held.get(held.claim.task.task_id) is held:
                del self._held[held.claim.task.task_id]
            if was_full:
                self._wake.set()
        return held.recorded

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
            pause_s = min(interval_s, RETRY_S)
            try:
                await action()
                pause_s = interval_s
            except Unavailable:
                log.warning("the engine waits for its database")
            except Exception:
                log.exception("a round of the engine failed; the next one follows")
            try:
                async with asyncio.timeout(pause_s):
                    await signal.wait()
            except TimeoutError:
                pass

    async def _listen(self) -> None:
        while True:
            try:
                await self._follow_hints()
            except Exception:
                log.exception("the engine hears no hints; it goes on by polling")
            await asyncio.sleep(self._times.poll_s)

    async def _follow_hints(self) -> None:
        async with self._hints.listen(ENGINE_CHANNEL) as hints:
            async for hint in hints:
                if cancelled := hint.get("cancel"):
                    self._cancel(str(cancelled))
                if hint.get("wake"):
                    self._wake.set()

    def _cancel(self, task_id: str) -> None:
        for held in self._held.values():
            if str(held.claim.task.task_id) == task_id and not held.recording:
                _let_go(held)

    async def _claim_all(self) -> None:
        pause_s = CONTENTION_S
        while await self._claim_some():
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._times.poll_s)

    async def _claim_some(self) -> bool:
        """Claim while there is anything; whether something was left that others were reaching for too."""
        async with self._claiming:
            while room := self._room():
                keys = await self._queue.ready(limit=min(BATCH, room))
                claimed = [await self._claim(key) for key in keys if self._room()]
                if not any(claimed):
                    return bool(claimed)
        return False

    async def _claim(self, key: TaskKey) -> bool:
        scope = self._scopes.open(key.user_id)
        act = partial(claim, key=key, worker_id=self.worker_id, lease_s=self._times.lease_s)
        try:
            claimed = await scope.write(act)
        except NotReady:
            return False
        except Unavailable:
            raise
        except Exception:
            log.exception("a task could not be claimed", extra=_named(key))
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
        if self._must_abandon:
            await self._queue.abandon_others(self.worker_id)
            self._must_abandon = False
        abandoned = await self._queue.abandoned(limit=BATCH)
        async with (
            asyncio.TaskGroup() as group
        ):  # side by side: one that somebody holds locked keeps no other waiting
            for key in abandoned:
                group.create_task(self._return(key))

    async def _take_back(self, key: TaskKey, *, worker_id: UUID | None = None) -> None:
        scope = self._scopes.open(key.user_id)
        task = await scope.write(partial(take_back, key=key, worker_id=worker_id))
        if task is None:
            return
        session, answer_id = SessionKey(key.user_id, task.session_id), task.answer_id
        if task.status == TaskStatus.FAILED:
            await self._live.finish(session, message_id=answer_id, generation=task.generation)
        else:
            await self._live.begin(session, message_id=answer_id, generation=task.generation)

    async def drain(self) -> None:
        """Claim nothing more, let what runs end in time, and hand the rest back to the queue."""
        self._draining = True
        async with self._claiming:  # a claim that is under way is started first
            pass
        await self._ended(within_s=self._times.drain_s)
        rest = list(self._held.values())
        for held in rest:
            _let_go(held)
        await self._ended(within_s=CANCEL_S)
        returning = [asyncio.create_task(self._return(held.claim.task, self.worker_id)) for held in rest]
        if returning:
            _, late = await asyncio.wait(returning, timeout=RETURN_S)
            for each in late:
                each.cancel()

    async def _ended(self, *, within_s: float) -> None:
        if running := [held.task for held in self._held.values() if held.task is not None]:
            await asyncio.wait(running, timeout=within_s)

    async def _return(self, key: TaskKey, worker_id: UUID | None = None) -> None:
        try:
            await self._take_back(key, worker_id=worker_id)
        except Unavailable:
            log.warning("a task stays where it is until the database answers", extra=_named(key))
        except Exception:
            log.exception("a task could not be taken back", extra=_named(key))


def _let_go(held: Held) -> None:
    """Close the guard and cancel whoever works behind it."""
    held.valid_until = 0
    if held.task is not None:
        held.task.cancel()


def _named(key: TaskKey) -> dict[str, str]:
    return {"task_id": str(key.task_id)}

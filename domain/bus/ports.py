"""What the engine asks of the queue over all users: keys only, the rest happens inside a scope."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from domain.tasks.entities import Claim, TaskKey

LEASE_S = 15.0
"""How long a claim is worth without a heartbeat; a lost worker's task waits this long."""


class EngineQueue(Protocol):
    """The task tables seen without an owner."""

    async def ready(self, *, limit: int) -> Sequence[TaskKey]:
        """Tasks that could be claimed now: least recently served user first, then agent, then session.

        One task for each agent with a free slot; inside a session first come, first served.
        """

    async def abandoned(self, *, limit: int) -> Sequence[TaskKey]:
        """Running tasks whose lease is over."""

    async def abandon_others(self, worker_id: UUID) -> None:
        """End the leases of all other workers: for the only process that there is, which has just started."""

    async def renew(self, worker_id: UUID, task_ids: Collection[UUID], *, lease_s: float) -> Collection[UUID]:
        """Extend a worker's leases; returns the tasks that it still holds."""


class ClaimLost(Exception):
    """Another worker, a stop or a deletion took the task: whatever this worker does with it is void."""


class Labour(Protocol):
    """The worker of this process, as admission sees it."""

    @property
    def worker_id(self) -> UUID:
        """Whose leases the tasks get that are claimed by their own insert."""

    @property
    def lease_s(self) -> float:
        """How long those leases are."""

    @property
    def accepts(self) -> bool:
        """Whether this process runs tasks and has room for one more."""

    def start(self, claim: Claim) -> None:
        """Run a claim whose transaction is committed."""


class WorkHere(Protocol):
    """The worker of this process, as those see it who wait for what it does."""

    def working(self, claim: Claim) -> asyncio.Future[bool] | None:
        """Done when this process has done with a claim; whether it recorded the end of its run, or has lost it.

        None when this process does not work on it (any more). Not to be cancelled.
        """


ENGINE_CHANNEL = "engine"
"""Hints to all workers: `{"wake": true}` when work was queued, `{"cancel": task_id}` when a task was closed."""

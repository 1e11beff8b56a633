"""The engine as several processes have it, inside one: the real use cases over real stores, and scripted models."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from domain.agents.runner import Runner, RunnerLimits
from domain.agents.versions import AgentVersions
from domain.bus.worker import Worker, WorkerTimes
from domain.conversations.begin import Begin
from domain.conversations.delete_message import DeleteMessage
from domain.conversations.send import Send
from domain.conversations.sessions import Sessions
from domain.conversations.stop import Stop
from domain.events.live import Hints, Live
from domain.memory.recall import Recall
from domain.memory.remind import Remind
from domain.memory.serving import Collections
from domain.models.ports import ModelGateway
from graphql_api.app.stores import utc_now
from persistence.collections import SqlCollectionStore
from persistence.postgres import PostgresDatabase
from persistence.scopes import SqlScopes
from persistence.sqlite import SqliteDatabase
from persistence.unowned import Unowned
from tests.domain.memory.fakes import ListIndex, WordEmbedder

SHORT = WorkerTimes(lease_s=2.0, heartbeat_s=0.5, poll_s=0.2, drain_s=0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What one process has: a worker and the use cases that feed it."""

    database: SqliteDatabase | PostgresDatabase
    scopes: SqlScopes
    queue: Unowned
    live: Live
    worker: Worker
    send: Send
    stop: Stop
    sessions: Sessions
    delete_message: DeleteMessage


def new_id() -> UUID:
    return uuid7()


@asynccontextmanager
async def open_bench(
    database: SqliteDatabase | PostgresDatabase,
    *,
    live: Live,
    hints: Hints,
    models: ModelGateway,
    capacity: int = 5,
    times: WorkerTimes = SHORT,
    task_s: float = 0.5,
) -> AsyncIterator[Bench]:
    """A worker that serves; it is drained on leaving."""
    scopes = SqlScopes(database, live=live, hints=hints)
    queue = Unowned(database)
    collections = Collections(
        SqlCollectionStore(database), embedder=WordEmbedder(), embedder_of=lambda _: None, hints=hints
    )
    runner = Runner(
        scopes=scopes,
        models=models,
        live=live,
        versions=AgentVersions(clock=utc_now),
        remind=Remind(Recall(index=ListIndex(), collections=collections, clock=utc_now)),
        new_id=new_id,
        monotonic=time.monotonic,
        limits=RunnerLimits(task_s=task_s),
    )
    worker = Worker(
        new_id(),
        queue=queue,
        scopes=scopes,
        live=live,
        hints=hints,
        work=runner,
        capacity=capacity,
        monotonic=time.monotonic,
        times=times,
    )
    async with AsyncExitStack() as stack:
        serving = asyncio.create_task(worker.serve())
        stack.push_async_callback(_ended, serving)
        stack.push_async_callback(worker.drain)
        yield Bench(
            database=database,
            scopes=scopes,
            queue=queue,
            live=live,
            worker=worker,
            send=Send(begin=Begin(new_id=new_id, labour=worker), labour=worker),
            stop=Stop(live=live),
            sessions=Sessions(new_id=new_id, live=live),
            delete_message=DeleteMessage(live=live),
        )


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def chances(seed: int) -> random.Random:
    """Randomness that can be had again."""
    return random.Random(seed)

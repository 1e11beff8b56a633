"""The composition root: the one place that knows every part, opens them in order and closes them in reverse."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from domain.agents.runner import Runner, RunnerLimits
from domain.agents.versions import AgentVersions
from domain.bus.worker import Worker, WorkerTimes
from domain.conversations.begin import Begin
from domain.conversations.delete_message import DeleteMessage
from domain.conversations.send import Send
from domain.conversations.sessions import Sessions
from domain.conversations.stop import Stop
from domain.conversations.wait import WaitForRun
from domain.events.reader import SessionTails
from graphql_api.app.background import Background
from graphql_api.app.housekeeping import Chore, Housekeeping
from graphql_api.app.identity import IdentityParts, identity_parts, new_id
from graphql_api.app.memory import MemoryParts, memory_parts
from graphql_api.app.metrics import Metrics
from graphql_api.app.models import model_router
from graphql_api.app.observation import ObservedModels, with_ids
from graphql_api.app.stores import Stores, open_stores, utc_now
from graphql_api.context import Services
from persistence.migrate import upgrade
from persistence.purge import Purge

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from domain.limits.ports import RateLimiter
    from domain.memory.ports import MemoryIndex
    from domain.models.ports import ModelGateway
    from graphql_api.app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The application's parts, for the web, for operations and for tests."""

    settings: Settings
    metrics: Metrics
    stores: Stores
    limiter: RateLimiter
    identity: IdentityParts
    models: ModelGateway
    worker: Worker
    tails: SessionTails
    memory: MemoryParts
    services: Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a server serves and announces; `stopping` runs before it waits for its requests."""

    asgi: ASGIApp
    stopping: Callable[[], Awaitable[None]]
    sign_in_url: str | None
    model: str
    offline: bool


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[Application]:
    """The whole application of one process.

    Raises:
        Unavailable: the database can't be reached. SecretsRefused: the signing keys are not usable.
    """
    from graphql_api.app.web import Web

    async with open_parts(settings) as parts:
        web = Web(parts)
        yield Application(
            asgi=web.asgi,
            stopping=web.stopping,
            sign_in_url=await _sign_in_url(parts),
            model=parts.models.default_name,
            offline=parts.models.offline,
        )


async def _sign_in_url(parts: Parts) -> str | None:
    """The first user's link, where the operator and the first user are the same person."""
    settings = parts.settings
    if settings.production or not (settings.embedded and settings.answers_requests):
        return None
    link = await parts.identity.make_link()
    return f"{settings.url}/#token={link.token}"


@asynccontextmanager
async def open_parts(
    settings: Settings,
    *,
    migrate: bool = True,
    worker_times: WorkerTimes | None = None,
    memory_index: MemoryIndex | None = None,
) -> AsyncIterator[Parts]:
    """Open all parts of one process; the worker serves when this process runs tasks.

    A given `memory_index` stands in for the one of the matrix. Leaving drains the worker first, then closes streams and stores.
    """
    metrics = Metrics(version=version("codelab"))
    async with AsyncExitStack() as stack:
        stores = await open_stores(settings, stack, metrics=metrics)
        if migrate:
            await upgrade(stores.database)
        identity = identity_parts(settings, stores, stack)
        models = ObservedModels(model_router(settings, stack), metrics=metrics, monotonic=time.monotonic)
        memory = await memory_parts(
            settings, stores, stack, metrics=metrics, models=models, index=memory_index
        )
        worker = _worker(settings, stores, models, memory, times=worker_times or WorkerTimes())
        tails = await stack.enter_async_context(SessionTails(live=stores.live, log=stores.log, clock=utc_now))
        background = await stack.enter_async_context(Background())
        background.start(identity.authenticate.follow_revocations(), name="revocations")
        if memory.has_index:
            background.start(memory.collections.follow(), name="memory collections")
        if settings.runs_tasks:
            background.start(worker.serve(), name="worker")
            background.start(_housekeeping(settings, stores, identity, memory).run(), name="housekeeping")
            if memory.has_index:
                background.start(memory.projector.run(), name="memory index")
            if memory.review is not None:
                background.start(memory.review.run(), name="memory reviews")
            stack.push_async_callback(worker.drain)
        yield Parts(
            settings=settings,
            metrics=metrics,
            stores=stores,
            limiter=stores.limiter,
            identity=identity,
            models=models,
            worker=worker,
            tails=tails,
            memory=memory,
            services=_services(stores, identity, models, tails, worker, memory),
        )


def _worker(
    settings: Settings, stores: Stores, models: ModelGateway, memory: MemoryParts, *, times: WorkerTimes
) -> Worker:
    """The worker; one without room in a process that only answers requests."""
    runner = Runner(
        scopes=stores.scopes,
        models=models,
        live=stores.live,
        versions=AgentVersions(clock=utc_now),
        remind=memory.remind,
        new_id=new_id,
        monotonic=time.monotonic,
        limits=RunnerLimits(task_s=settings.task_timeout_seconds, history_tokens=settings.history_tokens),
        reviewed=memory.review is not None,
    )
    return Worker(
        new_id(),
        queue=stores.unowned,
        scopes=stores.scopes,
        live=stores.live,
        hints=stores.hints,
        work=with_ids(runner),
        capacity=settings.worker_capacity if settings.runs_tasks else 0,
        monotonic=time.monotonic,
        times=replace(times, drain_s=settings.shutdown_seconds),
        alone=settings.embedded,
    )


def _housekeeping(
    settings: Settings, stores: Stores, identity: IdentityParts, memory: MemoryParts
) -> Housekeeping:
    purge = Purge(stores.database, stores.unowned)
    kept_s = settings.event_retention_days * 86_400
    return Housekeeping(
        [
            Chore("tombstones", purge.buried, every_s=30),
            Chore("old events", partial(purge.outlived, older_than_s=kept_s), every_s=3_600),
            Chore("expired sign-ins", identity.purge, every_s=3_600),
            Chore("memories", memory.prune, every_s=3_600),
        ]
    )


def _services(
    stores: Stores,
    identity: IdentityParts,
    models: ModelGateway,
    tails: SessionTails,
    worker: Worker,
    memory: MemoryParts,
) -> Services:
    return Services(
        version=version("codelab"),
        scopes=stores.scopes,
        identity=identity.services,
        send=Send(begin=Begin(new_id=new_id, labour=worker), labour=worker),
        stop=Stop(live=stores.live),
        sessions=Sessions(new_id=new_id, live=stores.live),
        delete_message=DeleteMessage(live=stores.live),
        wait_for_run=WaitForRun(tails, work=worker),
        recall=memory.recall,
        remember=memory.remember,
        memory_limit=memory.limit,
        tails=tails,
        hints=stores.hints,
        models=models,
        new_id=new_id,
        clock=utc_now,
    )

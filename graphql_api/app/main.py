"""The composition root: the one place that knows every part, opens them in order and closes them in reverse."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
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
from graphql_api.app.identity import IdentityParts, identity_parts, new_id
from graphql_api.app.models import model_router
from graphql_api.app.stores import Stores, open_stores, utc_now
from graphql_api.context import Services
from persistence.migrate import upgrade

if TYPE_CHECKING:
    from domain.models.ports import ModelGateway
    from graphql_api.app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The application's parts, for the server, for operations and for tests."""

    settings: Settings
    stores: Stores
    identity: IdentityParts
    models: ModelGateway
    worker: Worker
    tails: SessionTails
    services: Services


@asynccontextmanager
async def open_parts(settings: Settings, *, migrate: bool = True) -> AsyncIterator[Parts]:
    """Open all parts of one process; the worker serves when this process runs tasks.

    Leaving drains the worker first, then closes streams and stores.

    Raises:
        Unavailable: the database can't be reached. SecretsRefused: the signing keys are not usable.
    """
    async with AsyncExitStack() as stack:
        stores = await open_stores(settings, stack)
        if migrate:
            await upgrade(stores.database)
        identity = identity_parts(settings, stores, stack)
        models = model_router(settings, stack)
        worker = _worker(settings, stores, models)
        tails = await stack.enter_async_context(SessionTails(live=stores.live, log=stores.log, clock=utc_now))
        background = await stack.enter_async_context(Background())
        background.start(identity.authenticate.follow_revocations(), name="revocations")
        if settings.runs_tasks:
            background.start(worker.serve(), name="worker")
            stack.push_async_callback(worker.drain)
        services = _services(stores, identity, models, tails, worker)
        yield Parts(
            settings=settings,
            stores=stores,
            identity=identity,
            models=models,
            worker=worker,
            tails=tails,
            services=services,
        )


def _worker(settings: Settings, stores: Stores, models: ModelGateway) -> Worker:
    """The worker; one without room in a process that only answers requests."""
    runner = Runner(
        scopes=stores.scopes,
        models=models,
        live=stores.live,
        versions=AgentVersions(clock=utc_now),
        new_id=new_id,
        monotonic=time.monotonic,
        limits=RunnerLimits(task_s=settings.task_timeout_seconds, history_tokens=settings.history_tokens),
    )
    return Worker(
        new_id(),
        queue=stores.unowned,
        scopes=stores.scopes,
        live=stores.live,
        hints=stores.hints,
        work=runner,
        capacity=settings.worker_capacity if settings.runs_tasks else 0,
        monotonic=time.monotonic,
        times=WorkerTimes(drain_s=settings.shutdown_seconds),
    )


def _services(
    stores: Stores, identity: IdentityParts, models: ModelGateway, tails: SessionTails, worker: Worker
) -> Services:
    stop = Stop(live=stores.live)
    return Services(
        version=version("codelab"),
        scopes=stores.scopes,
        identity=identity.services,
        send=Send(begin=Begin(new_id=new_id, labour=worker), labour=worker),
        stop=stop,
        sessions=Sessions(new_id=new_id, live=stores.live),
        delete_message=DeleteMessage(live=stores.live),
        wait_for_run=WaitForRun(tails),
        tails=tails,
        hints=stores.hints,
        models=models,
        new_id=new_id,
        clock=utc_now,
    )

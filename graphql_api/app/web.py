"""Puts the web application together: the API, the start page, probes and metrics behind one host guard."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from graphql_api.app.health import PROBE_PATHS, Health, Part
from graphql_api.app.identity import new_id
from graphql_api.app.observation import ObservedOperations
from graphql_api.app.requests import ObservedRequests
from graphql_api.app.scrape import QueueDepth, Scrape
from graphql_api.app.start_page import start_page
from graphql_api.app.stores import utc_now
from graphql_api.context import Contexts
from graphql_api.limits import RateGate
from graphql_api.schema import build_schema
from graphql_api.transport.bounds import Bounds
from graphql_api.transport.connections import Connections
from graphql_api.transport.hosts import HostGuard
from graphql_api.transport.routes import Transports, routes

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from graphql_api.app.main import Parts
    from graphql_api.app.settings import Settings


class Web:
    """The ASGI application and what its server needs to stop it in order."""

    def __init__(self, parts: Parts) -> None:
        self.connections = Connections()
        self.health = Health(_parts(parts), monotonic=time.monotonic)
        self._parts = parts
        parts.metrics.watch_connections(
            subscriptions=lambda: self.connections.live_subscriptions, connections=self.connections.count
        )
        database = parts.stores.database
        parts.metrics.watch_pool(
            in_use=lambda: database.connections().in_use, open_=lambda: database.connections().open
        )
        parts.metrics.watch_tasks(lambda: parts.worker.running)
        self.asgi = self._guarded()

    async def stopping(self) -> None:
        """Refuse new work, and end sockets and streams so that their clients connect elsewhere."""
        self.health.drain()
        await self._parts.tails.aclose()
        await self.connections.close_all(timeout_s=self._parts.settings.shutdown_seconds)

    def _guarded(self) -> ASGIApp:
        settings = self._parts.settings
        scrape = Scrape(self._parts.metrics, monotonic=time.monotonic, queue=self._depth)
        served: list[BaseRoute] = [*self.health.routes, scrape.route]
        if settings.answers_requests:
            served += [*routes(self._transports()), *start_page()]
        return ObservedRequests(
            HostGuard(Starlette(routes=served), allowed=settings.hosts, exempt=PROBE_PATHS),
            metrics=self._parts.metrics,
            paths=[path for route in served if (path := getattr(route, "path", None))],
            new_id=new_id,
            monotonic=time.monotonic,
        )

    async def _depth(self) -> QueueDepth:
        return QueueDepth(*await self._parts.stores.unowned.queue_depth())

    def _transports(self) -> Transports:
        parts = self._parts
        return Transports(
            schema=build_schema(),
            authenticator=parts.identity.authenticate,
            contexts=Contexts(parts.services),
            gate=RateGate(parts.limiter, per_minute=parts.settings.rate_limit_per_minute),
            observer=ObservedOperations(parts.metrics),
            clock=utc_now,
            new_id=new_id,
            connections=self.connections,
            allowed_origins=parts.settings.allowed_origins,
            bounds=_bounds(parts.settings),
            hide_suggestions=parts.settings.production,
        )


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        body_bytes=settings.max_body_bytes,
        frame_bytes=settings.max_body_bytes,
        operation_s=settings.operation_timeout_seconds,
    )


def _parts(parts: Parts) -> dict[str, Part]:
    asked = {"database": Part(parts.stores.database.ready)}
    if parts.stores.redis is not None:
        asked["redis"] = Part(parts.stores.redis.answers, required=False)
    return asked

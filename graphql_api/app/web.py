"""Puts the web application together: the API, the pages, probes and metrics behind one host guard."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from graphql_api.app.frontend import frontend
from graphql_api.app.health import PROBE_PATHS, Health, Part
from graphql_api.app.identity import new_id
from graphql_api.app.manifest import ManifestRefused, manifest_file, read_manifest
from graphql_api.app.observation import ObservedOperations
from graphql_api.app.requests import ObservedRequests
from graphql_api.app.schema_text import schema_text
from graphql_api.app.scrape import QueueDepth, Scrape
from graphql_api.app.security_headers import SecurityHeaders
from graphql_api.app.setting_types import DocumentPolicy
from graphql_api.app.start_page import start_page
from graphql_api.app.stores import utc_now
from graphql_api.context import Contexts
from graphql_api.limits.cost import POINTS_PER_UNIT, CostLimits, Costs
from graphql_api.limits.gate import RateGate
from graphql_api.limits.shape import NoIntrospection, shape_rule
from graphql_api.schema import build_schema
from graphql_api.schema.weights import WEIGHTS
from graphql_api.transport.bounds import Bounds
from graphql_api.transport.connections import Connections
from graphql_api.transport.hosts import HostGuard
from graphql_api.transport.routes import Transports, routes
from graphql_api.transport.trusted import UnfitDocument

if TYPE_CHECKING:
    from starlette.routing import BaseRoute, Route, WebSocketRoute
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
        # connections first: clients come back by themselves from a restart, not from an operation's error
        await self.connections.close_all(timeout_s=self._parts.settings.shutdown_seconds)
        await self._parts.tails.aclose()

    def _guarded(self) -> ASGIApp:
        settings = self._parts.settings
        metrics, memory = self._parts.metrics, self._parts.memory
        scrape = Scrape(
            metrics,
            monotonic=time.monotonic,
            queue=self._depth,
            readings={
                metrics.memory_outbox_lag_seconds: memory.lag_s,
                metrics.memory_outbox_waiting: memory.waiting,
                metrics.memory_generation: memory.generation,
                metrics.memory_points: memory.points,
            },
        )
        served: list[BaseRoute] = [*self.health.routes, scrape.route]
        if settings.answers_requests:
            schema = schema_text if settings.introspects else None
            served += [*self._api(), *start_page(schema), *frontend()]
        guarded = HostGuard(Starlette(routes=served), allowed=settings.hosts, exempt=PROBE_PATHS)
        return ObservedRequests(
            SecurityHeaders(guarded, https_only=settings.production),
            metrics=metrics,
            paths=[path for route in served if (path := getattr(route, "path", None))],
            new_id=new_id,
            monotonic=time.monotonic,
        )

    async def _depth(self) -> QueueDepth:
        return QueueDepth(*await self._parts.stores.unowned.queue_depth())

    def _api(self) -> list[Route | WebSocketRoute]:
        try:
            return routes(self._transports())
        except UnfitDocument as unfit:
            file = manifest_file(self._parts.settings)
            raise ManifestRefused(
                f"Operation '{unfit.name}' of the manifest {file} does not fit the schema: {unfit.reasons}"
            ) from unfit

    def _transports(self) -> Transports:
        parts, schema = self._parts, build_schema()
        settings, manifest = parts.settings, manifest_file(parts.settings)
        return Transports(
            schema=schema,
            authenticator=parts.identity.authenticate,
            contexts=Contexts(parts.services),
            gate=RateGate(parts.limiter, per_minute=settings.rate_limit_per_minute),
            observer=ObservedOperations(parts.metrics),
            clock=utc_now,
            new_id=new_id,
            connections=self.connections,
            allowed_origins=settings.allowed_origins,
            bounds=_bounds(settings),
            limits=[shape_rule()] if settings.introspects else [shape_rule(), NoIntrospection],
            cost=Costs(schema._schema, WEIGHTS, limits=_cost_limits(settings)),
            hide_suggestions=not settings.introspects,
            trusted=read_manifest(manifest) if manifest else (),
            only_trusted=settings.documents is DocumentPolicy.TRUSTED,
            check_trusted=settings.trusted_documents is not None,  # the dashboard's were when they were built
        )


def _cost_limits(settings: Settings) -> CostLimits:
    """What the rate limit could never pay for is refused as too complex, not put off for ever."""
    default = CostLimits()
    payable = settings.rate_limit_per_minute * POINTS_PER_UNIT
    return replace(default, complexity=min(default.complexity, payable))


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        body_bytes=settings.max_body_bytes,
        frame_bytes=settings.max_body_bytes,
        operation_s=settings.operation_timeout_seconds,
        subscriptions_per_user=settings.subscriptions_per_user,
        sockets_per_user=settings.sockets_per_user,
    )


def _parts(parts: Parts) -> dict[str, Part]:
    asked = {"database": Part(parts.stores.database.ready)}
    if parts.stores.redis is not None:
        asked["redis"] = Part(parts.stores.redis.answers, required=False)
    if parts.memory.has_index:
        asked["memory"] = Part(parts.memory.answers, required=False)
    return asked

"""Puts the transports together, for the composition root to mount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import strawberry
from graphql import ASTValidationRule
from starlette.routing import Route, WebSocketRoute

from domain.ports import Clock, NewId
from graphql_api.transport.bounds import Bounds
from graphql_api.transport.clients import CookieNames
from graphql_api.transport.connections import Connections
from graphql_api.transport.documents import MAX_TOKENS, Documents, one_unit
from graphql_api.transport.errors import ErrorFormat
from graphql_api.transport.execution import Executor
from graphql_api.transport.http import HttpEndpoint
from graphql_api.transport.library import Library
from graphql_api.transport.operations import Operations
from graphql_api.transport.origins import Origins
from graphql_api.transport.ports import (
    Authenticator,
    ContextFactory,
    CostModel,
    OperationGate,
    OperationObserver,
)
from graphql_api.transport.seats import Seats
from graphql_api.transport.sign_ins import SignIns
from graphql_api.transport.socket_connection import SocketParts
from graphql_api.transport.sse import EventStreams
from graphql_api.transport.trusted import TrustedDocument
from graphql_api.transport.websocket import WebSocketEndpoint

PATH = "/graphql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transports:
    """Everything that the transports need, with defaults for what need not be chosen.

    `limits` are validation rule classes, built once, that refuse documents by their shape, `max_tokens`
    those that are too long; `cost` prices operations. `hide_suggestions` leaves "Did you mean" out of errors. `trusted` documents can
    be asked for by their id; with `only_trusted` there are no others. With
    `check_trusted` they are checked at once, else each when it is first asked for, as it may be where a build checked them.
    """

    schema: strawberry.Schema
    authenticator: Authenticator
    contexts: ContextFactory
    gate: OperationGate
    observer: OperationObserver
    clock: Clock
    new_id: NewId
    connections: Connections = field(default_factory=Connections)
    allowed_origins: Sequence[str] = ()
    bounds: Bounds = Bounds()
    cookies: CookieNames = CookieNames()
    limits: Sequence[type[ASTValidationRule]] = ()
    cost: CostModel = one_unit
    max_tokens: int = MAX_TOKENS
    hide_suggestions: bool = False
    trusted: Sequence[TrustedDocument] = ()
    only_trusted: bool = False
    check_trusted: bool = True


def routes(transports: Transports, *, path: str = PATH) -> list[Route | WebSocketRoute]:
    """The routes of the API: HTTP and event streams, and WebSockets, under one path.

    Raises:
        UnfitDocument: a trusted document could never be run.
    """
    it = transports
    errors = ErrorFormat(new_id=it.new_id)
    origins = Origins(it.allowed_origins)
    sign_ins = SignIns(it.authenticator, clock=it.clock)
    operations = _operations(it, errors)
    streams = EventStreams(
        operations=operations, sign_ins=sign_ins, connections=it.connections, errors=errors, bounds=it.bounds
    )
    http = HttpEndpoint(
        operations=operations,
        streams=streams,
        sign_ins=sign_ins,
        origins=origins,
        errors=errors,
        bounds=it.bounds,
        cookies=it.cookies,
    )
    parts = SocketParts(
        operations=operations,
        sign_ins=sign_ins,
        connections=it.connections,
        errors=errors,
        bounds=it.bounds,
        sockets=Seats(it.bounds.sockets_per_user, of="WebSockets of one user are open at once"),
        newcomers=Seats(
            it.bounds.newcomers_per_address, of="WebSockets of one address may wait to be initialised"
        ),
    )
    return [Route(path, http), WebSocketRoute(path, WebSocketEndpoint(parts=parts, origins=origins))]


def _operations(it: Transports, errors: ErrorFormat) -> Operations:
    documents = Documents(
        it.schema._schema,
        limits=it.limits,
        cost=it.cost,
        max_tokens=it.max_tokens,
        hide_suggestions=it.hide_suggestions,
    )
    return Operations(
        library=Library(
            documents, trusted=it.trusted, only_trusted=it.only_trusted, at_once=it.check_trusted
        ),
        executor=Executor(it.schema, errors=errors, hide_suggestions=it.hide_suggestions),
        contexts=it.contexts,
        gate=it.gate,
        observer=it.observer,
        errors=errors,
        connections=it.connections,
        subscriptions=Seats(it.bounds.subscriptions_per_user, of="subscriptions of one user run at once"),
        timeout_s=it.bounds.operation_s,
    )

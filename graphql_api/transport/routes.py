"""Puts the transports together, for the composition root to mount."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import strawberry
from graphql import ASTValidationRule, DocumentNode, OperationDefinitionNode
from starlette.routing import Route, WebSocketRoute

from domain.ports import Clock, NewId
from graphql_api.transport.bounds import Bounds
from graphql_api.transport.clients import CookieNames
from graphql_api.transport.connections import Connections
from graphql_api.transport.documents import Documents
from graphql_api.transport.errors import ErrorFormat
from graphql_api.transport.execution import Executor
from graphql_api.transport.http import HttpEndpoint
from graphql_api.transport.operations import Operations
from graphql_api.transport.origins import Origins
from graphql_api.transport.ports import (
    Authenticator,
    ContextFactory,
    CostModel,
    OperationGate,
    OperationObserver,
)
from graphql_api.transport.sign_ins import SignIns
from graphql_api.transport.socket_connection import SocketParts
from graphql_api.transport.sse import EventStreams
from graphql_api.transport.websocket import WebSocketEndpoint

PATH = "/graphql"


def one_unit(_: DocumentNode, __: OperationDefinitionNode, ___: Mapping[str, object]) -> int:
    """The cost model under which every operation costs the same."""
    return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Transports:
    """Everything that the transports need, with defaults for what need not be chosen.

    `limits` are validation rule classes, built once, that refuse documents by their shape; `cost`
    prices operations with their variables. `hide_suggestions` leaves "Did you mean" out of errors.
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
    hide_suggestions: bool = False


def routes(transports: Transports, *, path: str = PATH) -> list[Route | WebSocketRoute]:
    """The routes of the API: HTTP and event streams, and WebSockets, under one path."""
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
        operations=operations, sign_ins=sign_ins, connections=it.connections, errors=errors, bounds=it.bounds
    )
    return [Route(path, http), WebSocketRoute(path, WebSocketEndpoint(parts=parts, origins=origins))]


def _operations(it: Transports, errors: ErrorFormat) -> Operations:
    documents = Documents(it.schema._schema, limits=it.limits, hide_suggestions=it.hide_suggestions)
    return Operations(
        documents=documents,
        executor=Executor(it.schema, errors=errors, hide_suggestions=it.hide_suggestions),
        contexts=it.contexts,
        gate=it.gate,
        observer=it.observer,
        cost=it.cost,
        errors=errors,
        connections=it.connections,
        timeout_s=it.bounds.operation_s,
    )

"""The one way from a request's parameters to its result, whatever transport it came by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

from graphql import GraphQLError

from domain.identity.entities import Principal
from domain.limits.ports import Allowance
from graphql_api.transport.clients import subject
from graphql_api.transport.connections import Connections
from graphql_api.transport.errors import Code, ErrorFormat, Refused, document_refused, rate_limited, refused
from graphql_api.transport.execution import Executor, Payload, Prepared
from graphql_api.transport.fair_queue import FairQueue
from graphql_api.transport.library import Library
from graphql_api.transport.parameters import Parameters
from graphql_api.transport.ports import (
    ContextFactory,
    OperationGate,
    OperationInfo,
    OperationKind,
    OperationObserver,
    Outcome,
    RequestInfo,
)
from graphql_api.transport.seats import Seats

CLOSE_S = 5.0
"""How long a subscription's source and context may take to close; then they are abandoned."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The client of one operation: how it is connected, and as whom."""

    request: RequestInfo
    principal: Principal | None = None

    @property
    def subject(self) -> str:
        """Who is counted for what is bounded."""
        return subject(self.principal, self.request.client_ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Prepares, admits and runs operations; every failure comes out as `Refused`, masked where it must be.

    Limits that need the document alone (depth, aliases) are the `limits` of `Documents`; those that
    need its variables belong in the operation's price; those that count over time in `gate`, and
    those that count what lasts in `subscriptions`. All of them come before any resolver. A query or
    mutation may take `timeout_s`.
    """

    library: Library
    executor: Executor
    contexts: ContextFactory
    gate: OperationGate
    observer: OperationObserver
    errors: ErrorFormat
    connections: Connections
    subscriptions: Seats
    timeout_s: float
    now: Callable[[], float] = field(default=time.perf_counter)
    queue: FairQueue = field(default_factory=FairQueue)

    @asynccontextmanager
    async def open(
        self,
        parameters: Parameters,
        caller: Caller,
        *,
        check: Callable[[OperationKind], None] = lambda _: None,
    ) -> AsyncIterator[RunningOperation]:
        """Prepare and admit one operation, and observe it from here to the end of the block.

        `check` may refuse kinds of operations that the transport does not carry.

        Raises:
            Refused: it is not valid, of a wrong kind, or over a limit.
        """
        running = RunningOperation(self, caller)
        begun = self.now()
        self.observer.started(caller.request.transport)
        try:
            await self.queue.next_of(caller.subject)
            await running.admit(parameters, check)
            yield running
        except Refused as refusal:
            running.outcome = refusal.outcome
            raise
        finally:
            self.observer.finished(running.info, outcome=running.outcome, seconds=self.now() - begun)


class RunningOperation:
    """One operation, from its parameters to its end; `outcome` is how it stands."""

    def __init__(self, parts: Operations, caller: Caller) -> None:
        principal = caller.principal
        self.info = OperationInfo(caller.request.transport, user_id=principal.user_id if principal else None)
        self.outcome = Outcome.CANCELLED
        self._parts = parts
        self._caller = caller
        self._prepared: Prepared
        self._allowance: Allowance

    async def admit(self, parameters: Parameters, check: Callable[[OperationKind], None]) -> None:
        """Find the operation, and pay for it.

        Raises:
            Refused: it is not valid, `check` says no, or it is over a limit.
        """
        try:
            self._prepare(parameters, check)
        except Refused:
            await self._pay()  # nonsense is not free of charge
            raise
        await self._pay()

    async def execute(self) -> Payload:
        """Run a query or mutation in a context of its own.

        Raises:
            Refused: it did not run, was not finished in time, or broke as a whole.
        """
        limit = asyncio.timeout(self._parts.timeout_s)
        try:
            async with limit:
                with self._masked():
                    async with self._context() as context:
                        payload = await self._parts.executor.execute(self._prepared, context)
        except TimeoutError:
            message = "The operation took too long and was stopped; part of it may have happened."
            raise refused(Code.TIMEOUT, message, status=503) from None
        self.outcome = payload.outcome
        return payload

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Payload]]:
        """Open a subscription in a context of its own; both are closed with the block.

        Raises:
            Refused: there are too many, or it did not start; also from the iterator, when its source
                fails.
        """
        parts, stack = self._parts, AsyncExitStack()
        with parts.subscriptions.taken(self._caller.subject), parts.connections.subscribed():
            try:
                with self._masked():
                    context = await stack.enter_async_context(self._context())
                    opened = parts.executor.subscribe(self._prepared, context, user_id=self.info.user_id)
                    payloads = await stack.enter_async_context(opened)
                yield payloads
            finally:
                await self._close(stack)
        self.outcome = Outcome.OK

    def _prepare(self, parameters: Parameters, check: Callable[[OperationKind], None]) -> None:
        document = self._parts.library.find(parameters)
        operation = document.select(parameters.operation_name)
        self.info = replace(self.info, kind=operation.kind, name=operation.label)
        check(operation.kind)
        try:
            cost = operation.price(parameters.variables)
        except GraphQLError as error:
            raise document_refused(Code.LIMIT_EXCEEDED, [error]) from None
        self.info = replace(self.info, cost=cost)
        self._prepared = Prepared(document, operation, parameters.variables)

    async def _pay(self) -> None:
        caller = self._caller
        with self._masked():
            allowance = await self._parts.gate.admit(
                self.info, principal=caller.principal, client_ip=caller.request.client_ip
            )
        if not allowance.allowed:
            raise rate_limited(allowance)
        self._allowance = allowance

    def _context(self) -> AbstractAsyncContextManager[object]:
        return self._parts.contexts.open(
            self._caller.request,
            principal=self._caller.principal,
            operation=self.info,
            allowance=self._allowance,
        )

    async def _close(self, stack: AsyncExitStack) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await stack.aclose()
        except Exception as error:  # noqa: BLE001 the stream is over: the log is all that needs to know
            self._parts.errors.refusal(error, operation=self.info.name)

    @contextmanager
    def _masked(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise self._parts.errors.refusal(error, operation=self.info.name) from error

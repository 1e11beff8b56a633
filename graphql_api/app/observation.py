"""Where measuring is put between the parts: each class wraps one port and changes nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from functools import cache, partial
from uuid import UUID

import structlog

from domain.bus.guard import Guard, Work
from domain.conversations.states import RUN_ENDS
from domain.events.kinds import Fact, RunStarted, RunStatusChanged
from domain.events.live import Appended, Delta, Live, SessionKey, TextSoFar
from domain.limits.ports import Allowance, Quota, RateLimiter
from domain.models.entities import ModelChunk, ModelFinished, ModelRef, ModelRequest
from domain.models.ports import ModelGateway, ModelProblem
from domain.tasks.entities import Claim
from graphql_api.app.metrics import OTHER, Metrics
from graphql_api.app.telemetry import bound_ids
from graphql_api.transport.ports import OperationInfo, OperationKind, Outcome, TransportKind

_OPERATIONS = "codelab.operations"
_ANSWERED = frozenset({Outcome.OK, Outcome.ERRORS})


class ObservedOperations:
    """Counts and logs operations; see the port `OperationObserver`.

    The name of an operation becomes a label once it has succeeded for someone who is signed in, while
    there is room: nobody can fill the labels with nonsense from outside.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._names = metrics.operation_names
        # looking a metric's series up takes longer than counting; their labels are few
        self._in_flight = cache(metrics.operations_in_flight.labels)
        self._operations = cache(metrics.operations.labels)
        self._seconds = cache(metrics.operation_seconds.labels)
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger(_OPERATIONS)
        self._is_logged = partial(logging.getLogger(_OPERATIONS).isEnabledFor, logging.INFO)

    def started(self, transport: TransportKind) -> None:
        self._in_flight(transport).inc()

    def finished(self, operation: OperationInfo, *, outcome: Outcome, seconds: float) -> None:
        kind, name = operation.kind or "unknown", self._label(operation, outcome)
        self._in_flight(operation.transport).dec()
        self._operations(operation.transport, kind, name, outcome).inc()
        if kind is not OperationKind.SUBSCRIPTION and outcome in _ANSWERED:
            self._seconds(kind, name).observe(seconds)
        if self._is_logged():  # to put a line together and drop it takes longer than all the counting
            self._tell(operation, kind, outcome, seconds)

    def _tell(self, operation: OperationInfo, kind: str, outcome: Outcome, seconds: float) -> None:
        self._log.info(
            "operation",
            transport=operation.transport,
            kind=kind,
            name=operation.name,
            outcome=outcome,
            seconds=round(seconds, 4),
            cost=operation.cost,
            user_id=operation.user_id,
        )

    def _label(self, operation: OperationInfo, outcome: Outcome) -> str:
        if operation.name is None:
            return "unnamed"
        if operation.user_id is not None and outcome is Outcome.OK:
            return self._names.admit(operation.name)
        return self._names.known(operation.name)


class ObservedLimiter:
    """Counts refusals; see the port `RateLimiter`."""

    def __init__(self, limiter: RateLimiter, *, metrics: Metrics) -> None:
        self._limiter = limiter
        self._metrics = metrics

    async def take(self, key: str, quota: Quota, *, cost: int = 1) -> Allowance:
        allowance = await self._limiter.take(key, quota, cost=cost)
        if not allowance.allowed:
            self._metrics.rate_limited.labels(key.partition(":")[0]).inc()
        return allowance

    async def peek(self, key: str, quota: Quota) -> Allowance:
        return await self._limiter.peek(key, quota)


class ObservedModels:
    """Times model calls and counts what they use; see the port `ModelGateway`."""

    def __init__(self, models: ModelGateway, *, metrics: Metrics, monotonic: Callable[[], float]) -> None:
        self._models = models
        self._names = metrics.models
        self._monotonic = monotonic
        # looking a metric's series up takes longer than counting; their labels are few
        self._calls = cache(metrics.model_calls.labels)
        self._seconds = cache(metrics.model_seconds.labels)
        self._first_token_seconds = cache(metrics.model_first_token_seconds.labels)
        self._tokens = cache(metrics.model_tokens.labels)
        self._cost = cache(metrics.model_cost.labels)

    @property
    def default_name(self) -> str:
        return self._models.default_name

    @property
    def offline(self) -> bool:
        return self._models.offline

    def resolve(self, model: ModelRef) -> ModelRef:
        return self._models.resolve(model)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        began, outcome, model = self._monotonic(), "cancelled", OTHER
        first = True
        try:
            model = self._names.known(self._models.resolve(request.model).name)
            async with aclosing(self._models.stream(request)) as chunks:
                async for chunk in chunks:
                    if first:
                        self._first_token_seconds(model).observe(self._monotonic() - began)
                        first = False
                    if isinstance(chunk, ModelFinished):
                        model, outcome = self._count(chunk), "ok"
                    yield chunk
        except ModelProblem as problem:
            outcome = problem.kind.lower()
            raise
        finally:
            self._calls(model, outcome).inc()
            self._seconds(model).observe(self._monotonic() - began)

    def _count(self, last: ModelFinished) -> str:
        model = self._names.admit(last.model)
        self._tokens(model, "input").inc(last.usage.input_tokens)
        self._tokens(model, "output").inc(last.usage.output_tokens)
        self._cost(model).inc(last.cost_micro_usd / 1_000_000)
        return model


class ObservedLive:
    """Counts runs by the facts that are published of them, whatever ended them; see the port `Live`."""

    def __init__(self, live: Live, *, metrics: Metrics) -> None:
        self._live = live
        # looking a metric's series up takes longer than counting; their labels are few
        self._started = cache(metrics.runs_started.labels)
        self._ended = cache(metrics.runs_ended.labels)
        self._seconds = cache(metrics.run_seconds.labels)

    async def publish(self, key: SessionKey, facts: Sequence[Fact]) -> None:
        for fact in facts:
            self._count(fact)
        await self._live.publish(key, facts)

    def _count(self, fact: Fact) -> None:
        match fact.body:
            case RunStarted(mode=mode):
                self._started(mode.lower()).inc()
            case RunStatusChanged(status=status, usage=usage) if status in RUN_ENDS:
                self._ended(status.lower()).inc()
                if usage is not None:
                    self._seconds(status.lower()).observe(usage.seconds)

    async def buffered(self, key: SessionKey, *, after: int) -> list[Fact]:
        return await self._live.buffered(key, after=after)

    async def begin(self, key: SessionKey, *, message_id: UUID, generation: int, text: str = "") -> Appended:
        return await self._live.begin(key, message_id=message_id, generation=generation, text=text)

    async def append(self, key: SessionKey, delta: Delta) -> Appended:
        return await self._live.append(key, delta)

    async def finish(self, key: SessionKey, *, message_id: UUID, generation: int) -> TextSoFar | None:
        return await self._live.finish(key, message_id=message_id, generation=generation)

    async def writing(self, key: SessionKey) -> list[TextSoFar]:
        return await self._live.writing(key)

    def listen(self, key: SessionKey) -> AbstractAsyncContextManager[AsyncIterator[Fact | Delta]]:
        return self._live.listen(key)

    async def drop(self, key: SessionKey) -> None:
        await self._live.drop(key)


def with_ids(work: Work) -> Work:
    """The same work with the ids of its claim on every log line."""

    async def identified(claim: Claim, guard: Guard) -> None:
        task = claim.task
        with bound_ids(
            user_id=task.user_id, session_id=claim.session_id, agent_id=task.agent_id, run_id=claim.run_id
        ):
            await work(claim, guard)

    return identified

"""Measuring changes nothing and misses nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import structlog
from structlog.testing import capture_logs

from domain.bus.guard import Guard, Held
from domain.conversations.entities import RunMode, RunStatus, Usage
from domain.events.kinds import Fact, FactBody, RunStarted, RunStatusChanged, SessionRenamed
from domain.events.live import Appended, Delta, SessionKey, TextSoFar
from domain.limits.ports import Allowance, Quota
from domain.models.entities import ModelChunk, ModelFinished, ModelRef, ModelRequest, ModelUsage, TextDelta
from domain.models.ports import ModelProblem, ModelProblemKind
from domain.tasks.entities import Claim, TaskKey
from graphql_api.app.metrics import MAX_OPERATION_NAMES, Metrics
from graphql_api.app.observation import (
    ObservedLimiter,
    ObservedLive,
    ObservedModels,
    ObservedOperations,
    with_ids,
)
from graphql_api.transport.ports import OperationInfo, OperationKind, Outcome, TransportKind

USER = UUID(int=1)
KEY = SessionKey(USER, UUID(int=2))
AT = datetime(2026, 1, 1, tzinfo=UTC)
QUOTA = Quota(1, timedelta(minutes=1))
ASKED = ModelRequest(ModelRef("codelab", "default"), (), 0.0, 100)
FINISHED = ModelFinished("gpt-4.1", "stop", ModelUsage(10, 3), 250_000, price_known=True, tool_calls=())


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1")


def value(metrics: Metrics, sample: str, /, **labels: str) -> float:
    """A sample, 0 when it is not there yet."""
    return metrics.registry.get_sample_value(f"codelab_{sample}", labels) or 0.0


def _operation(name: str | None = "Read", *, user_id: UUID | None = USER) -> OperationInfo:
    return OperationInfo(TransportKind.HTTP, OperationKind.QUERY, name, user_id=user_id)


# operations


def test_an_operation_is_counted_while_it_runs_and_when_it_ends(metrics: Metrics) -> None:
    observed = ObservedOperations(metrics)

    observed.started(TransportKind.HTTP)
    running = value(metrics, "graphql_operations_in_flight", transport="http")
    observed.finished(_operation(), outcome=Outcome.OK, seconds=0.02)

    assert (running, value(metrics, "graphql_operations_in_flight", transport="http")) == (1, 0)
    labels = {"kind": "query", "name": "Read"}
    assert value(metrics, "graphql_operations_total", transport="http", outcome="ok", **labels) == 1
    assert value(metrics, "graphql_operation_seconds_sum", **labels) == pytest.approx(0.02)


def test_a_name_from_outside_never_becomes_a_label(metrics: Metrics) -> None:
    observed = ObservedOperations(metrics)

    observed.finished(_operation(user_id=None), outcome=Outcome.OK, seconds=0.02)
    observed.finished(_operation(), outcome=Outcome.INVALID, seconds=0.02)

    for outcome in ("ok", "invalid"):
        labels = {"transport": "http", "kind": "query", "name": "other", "outcome": outcome}
        assert value(metrics, "graphql_operations_total", **labels) == 1


def test_the_names_of_one_user_fill_a_bounded_number_of_labels(metrics: Metrics) -> None:
    observed = ObservedOperations(metrics)

    for number in range(MAX_OPERATION_NAMES + 50):
        observed.finished(_operation(f"N{number}"), outcome=Outcome.OK, seconds=0.02)

    labels = {"transport": "http", "kind": "query", "name": "other", "outcome": "ok"}
    assert value(metrics, "graphql_operations_total", **labels) == 50


def test_a_document_that_nobody_understands_is_counted_without_a_time(metrics: Metrics) -> None:
    observed = ObservedOperations(metrics)

    observed.finished(OperationInfo(TransportKind.SSE), outcome=Outcome.INVALID, seconds=0.02)

    labels = {"kind": "unknown", "name": "unnamed"}
    assert value(metrics, "graphql_operations_total", transport="sse", outcome="invalid", **labels) == 1
    assert value(metrics, "graphql_operation_seconds_count", **labels) == 0


def test_the_life_of_a_subscription_is_no_response_time(metrics: Metrics) -> None:
    info = OperationInfo(TransportKind.SSE, OperationKind.SUBSCRIPTION, "Watch", user_id=USER)

    ObservedOperations(metrics).finished(info, outcome=Outcome.OK, seconds=3_600)

    assert value(metrics, "graphql_operation_seconds_count", kind="subscription", name="Watch") == 0


def test_an_operation_is_one_line_of_the_log(metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="codelab.operations")

    with capture_logs() as lines:
        ObservedOperations(metrics).finished(_operation(), outcome=Outcome.OK, seconds=0.02)

    (line,) = lines
    assert (line["name"], line["outcome"], line["seconds"], line["user_id"]) == ("Read", "ok", 0.02, USER)


def test_where_the_log_is_quieter_no_line_is_put_together(
    metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="codelab.operations")

    with capture_logs() as lines:
        ObservedOperations(metrics).finished(_operation(), outcome=Outcome.OK, seconds=0.02)

    assert lines == []


# limits


class FakeLimiter:
    """Refuses every key that says so."""

    async def take(self, key: str, quota: Quota, *, cost: int = 1) -> Allowance:
        return Allowance(quota.limit, 0, 1.0, 1.0 if "refused" in key else None)

    async def peek(self, key: str, quota: Quota) -> Allowance:
        return Allowance(quota.limit, 1, 0.0)


async def test_refusals_are_counted_by_kind_without_the_user(metrics: Metrics) -> None:
    limiter = ObservedLimiter(FakeLimiter(), metrics=metrics)

    refused = await limiter.take("operations:user:refused", QUOTA)
    allowed = await limiter.take("operations:user:fine", QUOTA)
    looked = await limiter.peek("operations:user:refused", QUOTA)

    assert (refused.allowed, allowed.allowed, looked.remaining) == (False, True, 1)
    assert value(metrics, "rate_limited_total", kind="operations") == 1


# models


class FakeModels:
    """Says two words, then ends or breaks."""

    default_name = "gpt-4.1"
    offline = False

    def __init__(self, *, problem: Exception | None = None) -> None:
        self.problem = problem
        self.closed = False

    def resolve(self, model: ModelRef) -> ModelRef:
        return ModelRef("openai", self.default_name)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        try:
            yield TextDelta("two ")
            yield TextDelta("words")
            if self.problem:
                raise self.problem
            yield FINISHED
        finally:
            self.closed = True


def _models(inner: FakeModels, metrics: Metrics) -> ObservedModels:
    ticks: Iterator[float] = iter(range(100))
    return ObservedModels(inner, metrics=metrics, monotonic=lambda: next(ticks))


async def test_a_model_call_is_timed_and_what_it_used_is_counted(metrics: Metrics) -> None:
    models = _models(FakeModels(), metrics)

    chunks = [chunk async for chunk in models.stream(ASKED)]

    assert chunks == [TextDelta("two "), TextDelta("words"), FINISHED]
    assert value(metrics, "model_calls_total", model="gpt-4.1", outcome="ok") == 1
    assert value(metrics, "model_tokens_total", model="gpt-4.1", direction="input") == 10
    assert value(metrics, "model_tokens_total", model="gpt-4.1", direction="output") == 3
    assert value(metrics, "model_cost_usd_total", model="gpt-4.1") == 0.25
    assert value(metrics, "model_call_seconds_sum", model="gpt-4.1") == 2
    assert value(metrics, "model_first_token_seconds_count", model="other") == 1


async def test_a_model_that_fails_is_counted_by_its_problem(metrics: Metrics) -> None:
    models = _models(FakeModels(problem=ModelProblem(ModelProblemKind.CUT_OFF, "It broke off.")), metrics)

    with pytest.raises(ModelProblem):
        [chunk async for chunk in models.stream(ASKED)]

    assert value(metrics, "model_calls_total", model="other", outcome="cut_off") == 1


async def test_a_call_that_is_closed_early_closes_the_model(metrics: Metrics) -> None:
    inner = FakeModels()

    async with aclosing(_models(inner, metrics).stream(ASKED)) as chunks:
        await anext(chunks)

    assert inner.closed
    assert value(metrics, "model_calls_total", model="other", outcome="cancelled") == 1


def test_observed_models_are_the_models(metrics: Metrics) -> None:
    models = _models(FakeModels(), metrics)

    assert (models.default_name, models.offline) == ("gpt-4.1", False)
    assert models.resolve(ASKED.model) == ModelRef("openai", "gpt-4.1")


# runs


class FakeLive:
    """Remembers what was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    async def publish(self, key: SessionKey, facts: Sequence[Fact]) -> None:
        self.calls.append(("publish", key, *facts))

    async def buffered(self, key: SessionKey, *, after: int) -> list[Fact]:
        self.calls.append(("buffered", key, after))
        return []

    async def begin(self, key: SessionKey, *, message_id: UUID, generation: int, text: str = "") -> Appended:
        self.calls.append(("begin", key, message_id, generation, text))
        return Appended.ACCEPTED

    async def append(self, key: SessionKey, delta: Delta) -> Appended:
        self.calls.append(("append", key, delta))
        return Appended.STALE

    async def finish(self, key: SessionKey, *, message_id: UUID, generation: int) -> TextSoFar | None:
        self.calls.append(("finish", key, message_id, generation))
        return None

    async def writing(self, key: SessionKey) -> list[TextSoFar]:
        self.calls.append(("writing", key))
        return []

    @asynccontextmanager
    async def listen(self, key: SessionKey) -> AsyncIterator[AsyncIterator[Fact | Delta]]:
        self.calls.append(("listen", key))

        async def nothing() -> AsyncIterator[Fact | Delta]:
            return
            yield

        yield nothing()

    async def drop(self, key: SessionKey) -> None:
        self.calls.append(("drop", key))


def _fact(body: FactBody) -> Fact:
    return Fact(1, AT, body)


async def test_runs_are_counted_by_their_facts(metrics: Metrics) -> None:
    inner, run_id = FakeLive(), UUID(int=3)
    live = ObservedLive(inner, metrics=metrics)
    facts = [
        _fact(RunStarted(run_id, RunMode.DIRECT, None, None, None)),
        _fact(RunStatusChanged(run_id, RunStatus.RUNNING, None, None)),
        _fact(RunStatusChanged(run_id, RunStatus.SUCCEEDED, None, Usage(seconds=1.5))),
        _fact(RunStatusChanged(run_id, RunStatus.CANCELLED, "stopped", None)),
        _fact(SessionRenamed("title")),
    ]

    await live.publish(KEY, facts)

    assert inner.calls == [("publish", KEY, *facts)]
    assert value(metrics, "runs_started_total", mode="direct") == 1
    assert value(metrics, "runs_ended_total", status="succeeded") == 1
    assert value(metrics, "runs_ended_total", status="cancelled") == 1
    assert value(metrics, "runs_ended_total", status="running") == 0
    assert value(metrics, "run_seconds_sum", status="succeeded") == 1.5


async def test_everything_else_passes_through(metrics: Metrics) -> None:
    inner, message_id = FakeLive(), UUID(int=4)
    live = ObservedLive(inner, metrics=metrics)
    delta = Delta(message_id, 0, 0, "text")

    assert await live.buffered(KEY, after=3) == []
    assert await live.begin(KEY, message_id=message_id, generation=1, text="so far") is Appended.ACCEPTED
    assert await live.append(KEY, delta) is Appended.STALE
    assert await live.finish(KEY, message_id=message_id, generation=1) is None
    assert await live.writing(KEY) == []
    async with live.listen(KEY) as items:
        assert [item async for item in items] == []
    await live.drop(KEY)

    assert inner.calls == [
        ("buffered", KEY, 3),
        ("begin", KEY, message_id, 1, "so far"),
        ("append", KEY, delta),
        ("finish", KEY, message_id, 1),
        ("writing", KEY),
        ("listen", KEY),
        ("drop", KEY),
    ]


async def test_work_on_a_claim_is_logged_with_its_ids() -> None:
    claim = Claim(
        TaskKey(USER, UUID(int=5), UUID(int=6), UUID(int=7)),
        session_id=UUID(int=8),
        run_id=UUID(int=9),
        question_id=UUID(int=10),
        answer_id=UUID(int=11),
        agent_version=1,
        fence=1,
        generation=0,
    )
    seen: dict[str, object] = {}

    async def work(given: Claim, guard: Guard) -> None:
        assert given is claim
        seen.update(structlog.contextvars.get_contextvars())

    await with_ids(work)(claim, Guard(Held(claim, 1.0), lambda: 0.0))

    assert seen == {
        "user_id": str(USER),
        "session_id": str(claim.session_id),
        "agent_id": str(UUID(int=7)),
        "run_id": str(claim.run_id),
    }
    assert structlog.contextvars.get_contextvars() == {}

"""What is measured: every metric with its labels, all in one registry of our own.

Labels come from small closed sets; what clients or users choose (names of operations and of models)
is a label only up to a bound, and `other` beyond it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from graphql_api.transport.ports import TransportKind

OTHER = "other"
MAX_OPERATION_NAMES = 100
MAX_MODELS = 50
_FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ANSWER_S = (0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class BoundedLabels:
    """Values that others choose: the first `limit` are labels, the rest share one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def admit(self, value: str) -> str:
        """The label of a value, which becomes one of its own while there is room."""
        if value not in self._known and len(self._known) < self._limit:
            self._known.add(value)
        return self.known(value)

    def known(self, value: str) -> str:
        """The label of a value, which does not become one of its own here."""
        return value if value in self._known else OTHER


class Metrics:
    """The metrics of one process; all names begin with `codelab_`, but for those of the process itself."""

    def __init__(self, *, version: str) -> None:
        cast("Callable[[], None]", disable_created_metrics)()  # they would double the series
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.operation_names = BoundedLabels(MAX_OPERATION_NAMES)
        self.models = BoundedLabels(MAX_MODELS)
        self._gauge("build_info", "Always 1; the version is a label.", "version").labels(version).set(1)
        self._requests()
        self._agents()
        self._stores()

    def _requests(self) -> None:
        self.http_seconds = self._histogram(
            "http_request_seconds",
            "From a request to the beginning of its response.",
            "method",
            "route",
            "status",
        )
        self.operation_seconds = self._histogram(
            "graphql_operation_seconds", "Queries and mutations that were answered.", "kind", "name"
        )
        self.operations = self._counter(
            "graphql_operations", "Operations that ended.", "transport", "kind", "name", "outcome"
        )
        self.operations_in_flight = self._gauge(
            "graphql_operations_in_flight", "Operations that have begun and not ended.", "transport"
        )
        self.live_subscriptions = self._gauge("live_subscriptions", "Subscriptions that are running.")
        self.connections = self._gauge("connections", "Open WebSockets and event streams.", "transport")
        self.rate_limited = self._counter("rate_limited", "Requests that a limit refused.", "kind")
        self.rate_limit_unchecked = self._counter(
            "rate_limit_unchecked", "Requests let through because the limiter's store was lost."
        )
        self.isolation_violations = self._counter(
            "isolation_violations",
            "What the database or the memory index was stopped from showing to another user. Must stay 0.",
        )

    def _agents(self) -> None:
        self.tasks_running = self._gauge("tasks_running", "Tasks that this process is working on.")
        self.tasks_waiting_everywhere = self._gauge(
            "tasks_waiting_everywhere", "Tasks queued for all agents; every process tells the same number."
        )
        self.tasks_running_everywhere = self._gauge(
            "tasks_running_everywhere", "Tasks running for all agents; every process tells the same number."
        )
        self.runs_started = self._counter("runs_started", "Runs admitted by this process.", "mode")
        self.runs_ended = self._counter("runs_ended", "Runs that this process saw to their end.", "status")
        self.run_seconds = self._histogram(
            "run_seconds", "From a run's start to its recorded answer.", "status", buckets=_ANSWER_S
        )
        self.model_calls = self._counter("model_calls", "Calls of models.", "model", "outcome")
        self.model_seconds = self._histogram(
            "model_call_seconds", "Calls of models, all attempts together.", "model", buckets=_ANSWER_S
        )
        self.model_first_token_seconds = self._histogram(
            "model_first_token_seconds",
            "From a call to its first piece of an answer.",
            "model",
            buckets=_ANSWER_S,
        )
        self.model_tokens = self._counter(
            "model_tokens", "Tokens read and written by models.", "model", "direction"
        )
        self.memories_pruned = self._counter("memories_pruned", "Memories that pruning forgot.")
        self.memory_reviews = self._counter(
            "memory_reviews", "Memories that a model judged against older ones.", "verdict"
        )
        self.memories_replaced = self._counter(
            "memories_replaced", "Memories that a model found contradicted by newer ones."
        )
        self.memory_rerankings = self._counter(
            "memory_rerankings", "Times that a model was asked for the order of memories.", "ordered"
        )
        self.memories_recalled = self._counter("memories_recalled", "Memories given to models.")
        self.answers_without_memory = self._counter(
            "answers_without_memory", "Answers made without memory because the index did not answer."
        )
        self.memory_outbox_lag_seconds = self._gauge(
            "memory_outbox_lag_seconds", "Age of what the memory index has not heard of yet, the oldest."
        )
        self.memory_outbox_waiting = self._gauge(
            "memory_outbox_waiting", "What the memory index has not heard of yet, of all users."
        )
        self.memory_generation = self._gauge(
            "memory_generation", "The collection of the memory index that serves; rises with each reindex."
        )
        self.memory_points = self._gauge("memory_points", "Memories in the index, of all agents.")
        self.memory_seconds = self._histogram(
            "memory_index_seconds", "Calls of the memory index.", "call", "answered"
        )
        self.model_cost = self._counter(
            "model_cost_usd", "What models cost, as far as prices are known.", "model"
        )

    def _stores(self) -> None:
        self.database_connections = self._gauge(
            "database_pool_connections", "Connections to the database.", "state"
        )
        self.redis_seconds = self._histogram("redis_call_seconds", "Calls of Redis.", "call", "answered")

    def observe_redis(self, call: str, seconds: float, answered: bool) -> None:  # noqa: FBT001 the store's own signature
        """Told of every call of Redis."""
        self.redis_seconds.labels(call, str(answered).lower()).observe(seconds)

    def observe_memory(self, call: str, seconds: float, answered: bool) -> None:  # noqa: FBT001 as for Redis
        """Told of every call of the memory index."""
        self.memory_seconds.labels(call, str(answered).lower()).observe(seconds)

    def observe_review(self, verdict: str, replaced: int) -> None:
        """Told of every review of a memory."""
        self.memory_reviews.labels(verdict).inc()
        self.memories_replaced.inc(replaced)

    def observe_reranking(self, ordered: bool) -> None:  # noqa: FBT001 as for Redis
        """Told of every order that a model was asked for."""
        self.memory_rerankings.labels(str(ordered).lower()).inc()

    def watch_connections(
        self, *, subscriptions: Callable[[], int], connections: Callable[[TransportKind], int]
    ) -> None:
        """Read these at each scrape."""
        self.live_subscriptions.set_function(subscriptions)
        for kind in (TransportKind.WEBSOCKET, TransportKind.SSE):
            self.connections.labels(kind).set_function(_reading(connections, kind))

    def watch_tasks(self, running: Callable[[], int]) -> None:
        """Read the number of this process's running tasks at each scrape."""
        self.tasks_running.set_function(running)

    def watch_pool(self, *, in_use: Callable[[], int], open_: Callable[[], int]) -> None:
        """Read the database's pool at each scrape."""
        self.database_connections.labels("in_use").set_function(in_use)
        self.database_connections.labels("open").set_function(open_)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"codelab_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"codelab_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = _FAST_S
    ) -> Histogram:
        return Histogram(f"codelab_{name}", text, labels, registry=self.registry, buckets=buckets)


def _reading(read: Callable[[TransportKind], int], kind: TransportKind) -> Callable[[], float]:
    return lambda: read(kind)

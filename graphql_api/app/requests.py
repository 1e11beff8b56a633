"""Every request on its way through: an id for its log lines, and its time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.ports import NewId
from graphql_api.app.metrics import OTHER, Metrics
from graphql_api.app.telemetry import bound_ids

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST"})


class ObservedRequests:
    """ASGI middleware around everything else.

    Args:
        app: What answers.
        metrics: Where times go.
        paths: Paths that are labels; all others share one.
        new_id: Makes request ids.
        monotonic: The clock, in seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        paths: Iterable[str],
        new_id: NewId,
        monotonic: Callable[[], float],
    ) -> None:
        self._app = app
        self._seconds = cache(metrics.http_seconds.labels)  # few labels, and slow to look up
        self._paths = frozenset(paths)
        self._new_id = new_id
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        with bound_ids(request_id=self._new_id()):
            if scope["type"] == "http":
                await self._timed(scope, receive, send)
            else:
                await self._app(scope, receive, send)

    async def _timed(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, answered = self._monotonic(), False

        async def watched(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start" and not answered:
                answered = True
                self._record(scope, began, f"{message['status'] // 100}xx")
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            if not answered:
                self._record(scope, began, "none")

    def _record(self, scope: Scope, began: float, status: str) -> None:
        method = scope["method"] if scope["method"] in _METHODS else OTHER
        path = scope["path"] if scope["path"] in self._paths else OTHER
        self._seconds(method, path, status).observe(self._monotonic() - began)

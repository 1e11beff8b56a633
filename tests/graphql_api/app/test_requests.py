"""Requests on their way through."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest
import structlog
from starlette.types import Receive, Scope, Send

from graphql_api.app.metrics import Metrics
from graphql_api.app.requests import ObservedRequests

ID = UUID(int=9)


class Answer:
    """An application that answers with a status, or not at all."""

    def __init__(self, status: int | None) -> None:
        self.status = status
        self.ids: dict[str, object] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.ids = structlog.contextvars.get_contextvars()
        if self.status is None or scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def _observed(app: Answer, metrics: Metrics) -> ObservedRequests:
    ticks = iter((1.0, 1.25))
    return ObservedRequests(
        app, metrics=metrics, paths=["/graphql"], new_id=lambda: ID, monotonic=lambda: next(ticks)
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "labels"),
    [
        ("POST", "/graphql", 200, ("POST", "/graphql", "2xx")),
        ("GET", "/graphql", 429, ("GET", "/graphql", "4xx")),
        ("GET", "/wp-login.php", 404, ("GET", "other", "4xx")),
        ("BREW", "/graphql", 405, ("other", "/graphql", "4xx")),
    ],
)
async def test_a_request_is_timed_under_labels_that_nobody_chooses(
    method: str, path: str, status: int, labels: tuple[str, str, str]
) -> None:
    metrics = Metrics(version="1")
    transport = httpx.ASGITransport(_observed(Answer(status), metrics))

    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.request(method, path)

    names = dict(zip(("method", "route", "status"), labels, strict=True))
    assert response.status_code == status
    assert metrics.registry.get_sample_value("codelab_http_request_seconds_sum", names) == 0.25


async def test_a_request_that_is_never_answered_is_counted_too() -> None:
    metrics = Metrics(version="1")
    scope: Scope = {"type": "http", "method": "POST", "path": "/graphql"}

    await _call(_observed(Answer(None), metrics), scope)

    names = {"method": "POST", "route": "/graphql", "status": "none"}
    assert metrics.registry.get_sample_value("codelab_http_request_seconds_count", names) == 1


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_every_line_of_a_request_has_its_id(kind: str) -> None:
    app = Answer(None)

    await _call(_observed(app, Metrics(version="1")), {"type": kind, "method": "GET", "path": "/graphql"})

    assert app.ids == {"request_id": str(ID)}
    assert structlog.contextvars.get_contextvars() == {}


async def _call(app: ObservedRequests, scope: Scope) -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        return

    await app(scope, receive, send)

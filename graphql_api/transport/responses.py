"""HTTP responses that carry GraphQL: bodies, media types, cookies, and refusals."""

from __future__ import annotations

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.transport.errors import Refused
from graphql_api.transport.negotiation import GRAPHQL_JSON, JSON
from graphql_api.transport.ports import ResponseChanges


def json_response(
    text: str | bytes, *, status: int = 200, media_type: str = JSON, headers: dict[str, str] | None = None
) -> Response:
    """A response that no cache keeps: it may hold tokens, and always somebody's data."""
    return Response(
        text,
        status,
        {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
        media_type=f"{media_type}; charset=utf-8",
    )


def error_response(
    refusal: Refused, *, media_type: str = JSON, headers: dict[str, str] | None = None
) -> Response:
    """A refusal as JSON; the legacy media type answers 200 to what is wrong in GraphQL's own terms."""
    status = 200 if refusal.well_formed and media_type != GRAPHQL_JSON else refusal.status
    return json_response(
        orjson.dumps({"errors": refusal.errors}),
        status=status,
        media_type=media_type,
        headers={**refusal.headers, **(headers or {})},
    )


def apply_changes(response: Response, changes: ResponseChanges) -> Response:
    """Add the cookies and headers that resolvers asked for."""
    response.headers.update(changes.headers)
    for it in changes.cookies:
        response.set_cookie(
            it.name,
            it.value,
            max_age=it.max_age_s,
            path=it.path,
            secure=it.secure,
            httponly=it.http_only,
            samesite=it.same_site,
        )
    return response


async def deny_websocket(
    refusal: Refused, scope: Scope, receive: Receive, send: Send, *, status: int = 403
) -> None:
    """Refuse a WebSocket before it is accepted, with a JSON body where the server can, else with a bare 403."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    response = json_response(orjson.dumps({"errors": refusal.errors}), status=status, headers=refusal.headers)
    await response(scope, receive, send)

"""GraphQL over HTTP: POST of JSON, GET of queries, and the way to event streams.

Follows the GraphQL-over-HTTP draft: `application/graphql-response+json` is answered by its rules,
the legacy `application/json` by those for older clients.
"""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.identity.entities import Principal
from graphql_api.transport.bodies import read_json
from graphql_api.transport.bounds import Bounds
from graphql_api.transport.clients import CookieNames, request_info
from graphql_api.transport.errors import Code, ErrorFormat, refused
from graphql_api.transport.negotiation import EVENT_STREAM, error_media_type, negotiate
from graphql_api.transport.operations import Caller, Operations
from graphql_api.transport.origins import Origins
from graphql_api.transport.parameters import Parameters, parameters_of_json, parameters_of_url
from graphql_api.transport.ports import OperationKind, TransportKind
from graphql_api.transport.responses import apply_changes, error_response, json_response
from graphql_api.transport.sign_ins import SignIns
from graphql_api.transport.sse import EventStreams


class HttpEndpoint:
    """The ASGI application behind the API's path, for HTTP.

    What a foreign page can make a browser send changes nothing: a body must be JSON by its content
    type, a foreign Origin is refused, GET runs no mutation, and the cookie signs in nothing but
    event streams by GET, which a foreign page can't read.
    """

    def __init__(
        self,
        *,
        operations: Operations,
        streams: EventStreams,
        sign_ins: SignIns,
        origins: Origins,
        errors: ErrorFormat,
        bounds: Bounds,
        cookies: CookieNames,
    ) -> None:
        self._operations = operations
        self._streams = streams
        self._sign_ins = sign_ins
        self._origins = origins
        self._errors = errors
        self._bounds = bounds
        self._cookies = cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens, the body is JSON or an event stream."""
        request = Request(scope, receive)
        cors = self._origins.cors_headers(request.headers.get("origin"))
        try:
            response = await self._answer(request, cors)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 the last line of defence: an answer is always JSON
            media_type = error_media_type(request.headers.get("accept"))
            response = error_response(self._errors.refusal(error), media_type=media_type, headers=cors)
        await response(scope, receive, send)

    async def _answer(self, request: Request, cors: dict[str, str]) -> ASGIApp:
        origin = request.headers.get("origin")
        if not self._origins.allows(origin, host=request.headers.get("host")):
            raise refused(Code.FORBIDDEN_ORIGIN, "Pages of this origin may not use the API.", status=403)
        if request.method == "OPTIONS" and origin is not None:
            return Response(status_code=204, headers=self._origins.preflight_headers(origin))
        if request.method not in {"GET", "POST"}:
            allow = {"Allow": "GET, POST"}
            raise refused(Code.METHOD_NOT_ALLOWED, "Use POST, or GET to read.", status=405, headers=allow)
        media_type = negotiate(request.headers.get("accept"))
        principal = await self._principal(request, media_type)
        parameters = await self._parameters(request)
        if media_type == EVENT_STREAM:
            return self._event_stream(request, parameters, principal, cors)
        return await self._executed(request, parameters, principal, media_type, cors)

    async def _principal(self, request: Request, media_type: str) -> Principal | None:
        authorization = request.headers.get("authorization")
        if authorization is None and request.method == "GET" and media_type == EVENT_STREAM:
            token = request.cookies.get(self._cookies.access)
            return await self._sign_ins.principal_of_token(token) if token else None
        return await self._sign_ins.principal(authorization)

    async def _parameters(self, request: Request) -> Parameters:
        if request.method == "GET":
            return parameters_of_url(request.query_params)
        body = await read_json(request, max_bytes=self._bounds.body_bytes, timeout_s=self._bounds.body_s)
        return parameters_of_json(body)

    def _event_stream(
        self, request: Request, parameters: Parameters, principal: Principal | None, cors: dict[str, str]
    ) -> ASGIApp:
        caller = Caller(
            request_info(request, TransportKind.SSE, refresh_cookie=self._refresh(request)), principal
        )
        check = _only_subscriptions if request.method == "GET" else _anything
        return self._streams.response(parameters, caller, check=check, headers=cors)

    async def _executed(
        self,
        request: Request,
        parameters: Parameters,
        principal: Principal | None,
        media_type: str,
        cors: dict[str, str],
    ) -> Response:
        info = request_info(request, TransportKind.HTTP, refresh_cookie=self._refresh(request))
        check = _only_queries if request.method == "GET" else _no_subscriptions
        async with self._operations.open(parameters, Caller(info, principal), check=check) as operation:
            payload = await operation.execute()
        return apply_changes(json_response(payload.text, media_type=media_type, headers=cors), info.changes)

    def _refresh(self, request: Request) -> str | None:
        return request.cookies.get(self._cookies.refresh) if request.method == "POST" else None


def _anything(_: OperationKind) -> None:
    return


def _no_subscriptions(kind: OperationKind) -> None:
    if kind is OperationKind.SUBSCRIPTION:
        message = "Subscribe by a WebSocket, or accept text/event-stream."
        raise refused(Code.NOT_ACCEPTABLE, message, status=406)


def _only_queries(kind: OperationKind) -> None:
    _no_subscriptions(kind)
    if kind is not OperationKind.QUERY:
        raise refused(
            Code.METHOD_NOT_ALLOWED, "Send mutations by POST.", status=405, headers={"Allow": "POST"}
        )


def _only_subscriptions(kind: OperationKind) -> None:
    if kind is not OperationKind.SUBSCRIPTION:
        message = "Send queries and mutations by POST."
        raise refused(Code.METHOD_NOT_ALLOWED, message, status=405, headers={"Allow": "POST"})

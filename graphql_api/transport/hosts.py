"""The Host allow-list, in front of everything: it defeats DNS rebinding."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.transport.errors import Code, Refused, refused
from graphql_api.transport.responses import deny_websocket, error_response

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\s\[\]:,;@/?#]*)(:[0-9]*)?")
"""A name or address and perhaps a port (RFC 9110, section 7.2), and nothing behind them."""


class HostGuard:
    """ASGI middleware that lets only requests for known hosts through, over HTTP and WebSocket.

    An entry is a host name or address; with a port it counts for that port alone, and `*.` in front
    stands for any subdomain. `exempt` paths (health probes address a pod by its address) are
    not checked.
    """

    def __init__(self, app: ASGIApp, *, allowed: Iterable[str], exempt: Iterable[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(host.strip().lower() for host in allowed)
        self._exempt = frozenset(exempt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on or refuse it: 400 without one Host, 421 with an unknown one; a WebSocket 403."""
        if (
            scope["type"] not in {"http", "websocket"}
            or scope["path"] in self._exempt
            or (refusal := self._refusal(scope)) is None
        ):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await deny_websocket(refusal, scope, receive, send)
        else:
            await error_response(refusal)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refused | None:
        hosts = HTTPConnection(scope).headers.getlist("host")
        if len(hosts) != 1:
            return refused(Code.BAD_REQUEST, "The request must name one Host.")
        if self._allows(hosts[0].lower()):
            return None
        return refused(Code.FORBIDDEN_HOST, "This server does not answer for that host.", status=421)

    def _allows(self, host: str) -> bool:
        if (parts := _HOST.fullmatch(host)) is None:
            return False
        name = parts["name"].rstrip(".")
        parents = (name.split(".", depth)[-1] for depth in range(1, name.count(".") + 1))
        return not self._allowed.isdisjoint({host, name, *(f"*.{parent}" for parent in parents)})

"""What a connection's headers tell about its client."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from graphql_api.transport.ports import RequestInfo, TransportKind


@dataclass(frozen=True, slots=True)
class CookieNames:
    """The browser's cookies: `refresh` is for resolvers, `access` signs event streams by GET in."""

    refresh: str = "codelab_refresh"
    access: str = "codelab_access"


def request_info(
    connection: HTTPConnection, transport: TransportKind, *, refresh_cookie: str | None = None
) -> RequestInfo:
    """Describe one operation's client; its address is what the server behind any trusted proxy says."""
    headers = connection.headers
    return RequestInfo(
        transport,
        client_ip=connection.client.host if connection.client else "unknown",
        user_agent=headers.get("user-agent"),
        refresh_cookie=refresh_cookie,
        last_event_id=headers.get("last-event-id") if transport is TransportKind.SSE else None,
    )

"""What a connection's headers tell about its client."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from domain.identity.entities import Principal
from domain.identity.throttle import subject_of_ip
from graphql_api.transport.ports import RequestInfo, TransportKind


@dataclass(frozen=True, slots=True)
class CookieNames:
    """The browser's cookies: `refresh` is for resolvers, `access` signs event streams by GET in."""

    refresh: str = "codelab_refresh"
    access: str = "codelab_access"


def subject(principal: Principal | None, client_ip: str) -> str:
    """Who is counted for what is bounded: the user, or the address of those who are not signed in."""
    return f"user:{principal.user_id}" if principal else f"ip:{subject_of_ip(client_ip)}"


def client_ip(connection: HTTPConnection) -> str:
    """The client's address, as the server behind any trusted proxy says."""
    return connection.client.host if connection.client else "unknown"


def request_info(
    connection: HTTPConnection, transport: TransportKind, *, refresh_cookie: str | None = None
) -> RequestInfo:
    """Describe one operation's client."""
    headers = connection.headers
    return RequestInfo(
        transport,
        client_ip=client_ip(connection),
        user_agent=headers.get("user-agent"),
        refresh_cookie=refresh_cookie,
        last_event_id=headers.get("last-event-id") if transport is TransportKind.SSE else None,
    )

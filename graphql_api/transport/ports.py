"""What the transports ask of the rest of CodeLab; the composition root provides it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol
from uuid import UUID

from graphql import DocumentNode, OperationDefinitionNode

from domain.identity.entities import Principal
from domain.limits.ports import Allowance


class TransportKind(StrEnum):
    """How an operation came in."""

    HTTP = "http"
    SSE = "sse"
    WEBSOCKET = "websocket"


class OperationKind(StrEnum):
    """The three kinds of GraphQL operations."""

    QUERY = "query"
    MUTATION = "mutation"
    SUBSCRIPTION = "subscription"


class Outcome(StrEnum):
    """How an operation ended."""

    OK = "ok"
    ERRORS = "errors"  # answered, with expected errors
    INVALID = "invalid"  # malformed, refused by validation, or bad variables
    REFUSED = "refused"  # over a limit
    INTERNAL = "internal"  # a bug, masked; the log has it under the error's id
    CANCELLED = "cancelled"  # the client or the server ended it early


@dataclass(frozen=True, slots=True)
class OperationInfo:
    """What may be counted and logged about an operation: never its text or variables.

    `kind` is None when the document could not be understood. `name` is chosen by the client, so it
    must not become a metric's label unchecked. `cost` is in units of the rate limit.
    """

    transport: TransportKind
    kind: OperationKind | None = None
    name: str | None = None
    cost: int = 1
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie to set; `max_age_s` 0 deletes it, None keeps it for the browser's session."""

    name: str
    value: str
    max_age_s: int | None = None
    path: str = "/"
    secure: bool = True
    http_only: bool = True
    same_site: Literal["lax", "strict", "none"] = "strict"


@dataclass(slots=True)
class ResponseChanges:
    """What resolvers add to the HTTP response; without effect for subscriptions and on WebSockets."""

    cookies: list[Cookie] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def set_cookie(self, cookie: Cookie) -> None:
        """Send a cookie with the response."""
        self.cookies.append(cookie)


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """Who is connected and how; one for each operation.

    `refresh_cookie` is given for POST only: nothing that a foreign page can send may carry it.
    `last_event_id` is the position after which an event stream goes on; it wins over the
    subscription's own `after`.
    """

    transport: TransportKind
    client_ip: str
    user_agent: str | None = None
    refresh_cookie: str | None = None
    last_event_id: str | None = None
    changes: ResponseChanges = field(default_factory=ResponseChanges)


class Authenticator(Protocol):
    """Knows who an access token belongs to and whether the sign-in still stands."""

    async def authenticate(self, token: str) -> Principal:
        """Whose token this is.

        Raises:
            Unauthenticated: the token is malformed, forged, expired or of a revoked sign-in.
            Unavailable: it can't be told just now.
        """

    def watch(self, principal: Principal) -> AbstractAsyncContextManager[asyncio.Event]:
        """An event that is set once the sign-in is revoked; at once when it was before."""


class ContextFactory(Protocol):
    """Makes the context of one operation."""

    def open(
        self,
        request: RequestInfo,
        *,
        principal: Principal | None,
        operation: OperationInfo,
        allowance: Allowance,
    ) -> AbstractAsyncContextManager[object]:
        """A fresh context, closed when the operation ends.

        A subscription keeps its context while it lives; when the context has a method
        `begin_event()`, it is called before an event is executed, so that loaders forget.

        Raises:
            CodeLabError: the operation is refused; nothing is executed.
        """


class OperationGate(Protocol):
    """Decides whether one more operation may run now."""

    async def admit(
        self, operation: OperationInfo, *, principal: Principal | None, client_ip: str
    ) -> Allowance:
        """Charge the operation's cost; a refusal carries `retry_after_s`.

        Documents that can't be understood are charged too, with kind None.
        """


class OperationObserver(Protocol):
    """Hears of every operation once when it starts and once when it ends."""

    def started(self, transport: TransportKind) -> None:
        """An operation came in; nothing is known about it yet."""

    def finished(self, operation: OperationInfo, *, outcome: Outcome, seconds: float) -> None:
        """It ended or was refused; for a subscription `seconds` is its whole life."""


class Price(Protocol):
    """What one operation costs against the rate limit with the variables of a call."""

    def __call__(self, variables: Mapping[str, object], /) -> int:
        """Units, at least 1; called for each call before anything runs.

        Raises:
            GraphQLError: the operation is too costly to run at all.
        """


class CostModel(Protocol):
    """Prices operations: once for each operation of a new document, when it is valid."""

    def __call__(self, document: DocumentNode, operation: OperationDefinitionNode, /) -> Price:
        """The operation's price, in which everything is done that needs no variables."""


class StreamItem(Protocol):
    """What a subscription's resolver may yield in place of a plain value (duck-typed).

    `memo` is shared by everyone who receives the same item: it keeps the encoded payload, so that
    subscribers of one user with the same document and variables execute and encode once. `cursor`
    becomes the `id:` line of an event stream. `value()` is the GraphQL object, made only when the
    payload is not in the memo.
    """

    @property
    def memo(self) -> dict[object, object]:
        """What has been encoded already."""

    @property
    def cursor(self) -> int | None:
        """The position in the log that this item takes its reader to; None leaves it where it was."""

    def value(self) -> object:
        """The value that the subscription's selection is executed on."""

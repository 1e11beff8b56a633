"""How failures look to clients: codes, masking, and requests that are refused before they run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

import structlog
from graphql import GraphQLError

from domain.errors import CodeLabError, Invalid, LimitExceeded, NotFound, Unauthenticated, Unavailable
from domain.events.items import Interrupted
from domain.limits.ports import Allowance
from domain.ports import NewId
from graphql_api.transport.ports import Outcome

FormattedError = dict[str, object]
"""One entry of a response's `errors`, as the GraphQL specification has it (section 7.1.2)."""


class Code(StrEnum):
    """`extensions.code` of what the transports themselves say; domain errors are named after their class."""

    BAD_REQUEST = "BAD_REQUEST"
    SYNTAX_ERROR = "SYNTAX_ERROR"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    UNKNOWN_OPERATION = "UNKNOWN_OPERATION"
    BAD_VARIABLES = "BAD_VARIABLES"
    EXECUTION_FAILED = "EXECUTION_FAILED"
    INTERNAL = "INTERNAL"
    RATE_LIMITED = "RATE_LIMITED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    INTROSPECTION_OFF = "INTROSPECTION_OFF"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    UNTRUSTED_DOCUMENT = "UNTRUSTED_DOCUMENT"
    RESUME = "RESUME"
    TIMEOUT = "TIMEOUT"
    TOO_LARGE = "TOO_LARGE"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    FORBIDDEN_ORIGIN = "FORBIDDEN_ORIGIN"
    FORBIDDEN_HOST = "FORBIDDEN_HOST"
    SHUTTING_DOWN = "SHUTTING_DOWN"


class Refused(Exception):
    """A request that is answered with errors alone.

    `status` is the HTTP status. `well_formed` says that the request was one by the GraphQL-over-HTTP
    specification and GraphQL itself found something wrong: the legacy media type `application/json`
    answers those with 200, and event streams with an event.
    """

    def __init__(
        self,
        errors: Iterable[FormattedError],
        *,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        well_formed: bool = False,
        outcome: Outcome = Outcome.INVALID,
    ) -> None:
        self.errors = tuple(errors)
        self.status = status
        self.headers = dict(headers or {})
        self.well_formed = well_formed
        self.outcome = outcome
        super().__init__(f"{status}: {len(self.errors)} errors")

    @property
    def codes(self) -> set[object]:
        """The `extensions.code` of each error."""
        return {
            extensions.get("code") for it in self.errors if isinstance(extensions := it["extensions"], dict)
        }


def refused(
    code: Code,
    message: str,
    *,
    status: int = 400,
    headers: Mapping[str, str] | None = None,
    **extensions: object,
) -> Refused:
    """A refusal with one error."""
    outcome = Outcome.REFUSED if status in {413, 429, 503} else Outcome.INVALID
    error: FormattedError = {"message": message, "extensions": {"code": code, **extensions}}
    return Refused([error], status=status, headers=headers, outcome=outcome)


def rate_limited(allowance: Allowance) -> Refused:
    """The refusal of the rate limit, saying when to come back."""
    wait_s = allowance.retry_after_s or 0.0
    return refused(
        Code.RATE_LIMITED,
        "Too many requests; wait and try again.",
        status=429,
        headers=retry_after(wait_s),
        retryAfterSeconds=round(wait_s, 3),
        limit=allowance.limit,
    )


def document_refused(code: Code, errors: Iterable[GraphQLError]) -> Refused:
    """The refusal of a document, an operation or variables that GraphQL itself finds wrong."""
    return Refused(
        [{**error.formatted, "extensions": {"code": code, **(error.extensions or {})}} for error in errors],
        well_formed=True,
        outcome=Outcome.REFUSED if code is Code.LIMIT_EXCEEDED else Outcome.INVALID,
    )


def limit_error(message: str, *, name: str, limit: int, found: int) -> GraphQLError:
    """An error that names its limit, its figure and what was found, also for programs."""
    extensions = {"code": Code.LIMIT_EXCEEDED, "name": name, "limit": limit, "found": found}
    return GraphQLError(message, extensions=extensions)


def retry_after(wait_s: float) -> dict[str, str]:
    """The header Retry-After in whole seconds, never too early (RFC 9110, section 10.2.3)."""
    return {"Retry-After": str(max(1, math.ceil(wait_s)))}


class ErrorFormat:
    """Turns exceptions into response errors; what nobody expected is masked and logged under an id.

    A subscription that was interrupted (a slow reader, for example) gets the code RESUME: subscribe
    again from the last cursor.
    """

    def __init__(self, *, new_id: NewId) -> None:
        self._new_id = new_id
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("codelab.graphql")

    def executed(
        self, errors: Iterable[GraphQLError], *, operation: str | None
    ) -> tuple[list[FormattedError], Outcome]:
        """Errors of an execution with their places, and how it ended because of them."""
        formatted, outcome = [], Outcome.ERRORS
        for error in errors:
            described, expected = self._describe(_cause(error), operation=operation, path=error.path)
            formatted.append({**error.formatted, **described})
            outcome = outcome if expected else Outcome.INTERNAL
        return formatted, outcome

    def refusal(
        self, error: Exception, *, operation: str | None = None, well_formed: bool = False
    ) -> Refused:
        """An exception that ended an operation, as the refusal that tells the client."""
        if isinstance(error, Refused):
            return error
        cause = _cause(error)
        described, expected = self._describe(cause, operation=operation)
        place = error.formatted if isinstance(error, GraphQLError) else {}
        return Refused(
            [{**place, **described}],
            status=_status(cause),
            headers=_headers(cause),
            well_formed=well_formed,
            outcome=Outcome.REFUSED if expected else Outcome.INTERNAL,
        )

    def _describe(
        self, cause: BaseException, *, operation: str | None, path: object = None
    ) -> tuple[FormattedError, bool]:
        if isinstance(cause, CodeLabError):
            return {"message": cause.message, "extensions": _extensions(cause)}, True
        if isinstance(cause, Interrupted):
            return {"message": str(cause), "extensions": {"code": Code.RESUME}}, True
        if isinstance(cause, GraphQLError):
            extensions = {"code": Code.EXECUTION_FAILED, **(cause.extensions or {})}
            return {"message": cause.message, "extensions": extensions}, True
        error_id = str(self._new_id())
        self._log.error("operation.failed", error_id=error_id, operation=operation, path=path, exc_info=cause)
        return {"message": "Internal error", "extensions": {"code": Code.INTERNAL, "id": error_id}}, False


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, GraphQLError) and error.original_error is not None:
        error = error.original_error
    return error


def _extensions(error: CodeLabError) -> FormattedError:
    extensions: FormattedError = {"code": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).upper()}
    match error:
        case Invalid():
            extensions["fields"] = [{"path": list(it.path), "message": it.message} for it in error.fields]
        case LimitExceeded():
            extensions["limit"] = error.limit
    wait_s = getattr(error, "retry_after_s", None)
    return extensions if wait_s is None else {**extensions, "retryAfterSeconds": wait_s}


def _status(cause: BaseException) -> int:
    match cause:
        case Unauthenticated():
            return 401
        case LimitExceeded():
            return 429
        case Unavailable():
            return 503
        case NotFound():
            return 404
        case CodeLabError() | GraphQLError():
            return 400
    return 500


def _headers(cause: BaseException) -> dict[str, str]:
    if isinstance(cause, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    wait_s = getattr(cause, "retry_after_s", None)
    return {} if wait_s is None else retry_after(wait_s)

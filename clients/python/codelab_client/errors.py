"""Everything that can go wrong, as exceptions.

    CodelabError
    ├── Problem                 what a mutation may expect to go wrong; `message` is for people
    │   ├── NotFound            nothing of yours has this id
    │   ├── Invalid             the input breaks rules; `fields` names each
    │   ├── Conflict            a taken name, a stale version, a used idempotency key
    │   ├── LimitExceeded       a bound was reached
    │   └── Unavailable         a store does not answer; nothing was changed
    ├── Refused                 the server refused the request; `code` says why
    │   ├── Unauthenticated     sign in (again)
    │   └── RateLimited         too many requests
    ├── Disconnected            no answer: the network, a timeout, a server that is gone
    └── AnswerFailed            the run of a question ended without a whole answer

A problem that this version does not know yet is a plain `Problem`, with its `kind`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

Data = Mapping[str, object]


class CodelabError(Exception):
    """Any failure of this client.

    Attributes:
        retry_after_s: Seconds after which the server asks to try again, if it said so.
    """

    retry_after_s: float | None = None


class Problem(CodelabError):
    """An expected failure; nothing was changed.

    Attributes:
        kind: The name of its GraphQL type.
    """

    def __init__(self, message: str, *, kind: str = "Problem") -> None:
        self.message = message
        self.kind = kind
        super().__init__(message)


class NotFound(Problem):
    """Nothing of yours has this id, or it is gone."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field of the input and the rule that it breaks."""

    path: tuple[str, ...]
    message: str


class Invalid(Problem):
    """The input breaks rules."""

    def __init__(self, message: str, *, kind: str = "Invalid", fields: tuple[FieldProblem, ...] = ()) -> None:
        self.fields = fields
        super().__init__(message, kind=kind)


class Conflict(Problem):
    """The present state stands against it."""


class LimitExceeded(Problem):
    """A bound was reached; `retry_after_s` is None when time alone does not help."""

    def __init__(
        self, message: str, *, kind: str = "LimitExceeded", limit: int = 0, retry_after_s: float | None = None
    ) -> None:
        self.limit = limit
        self.retry_after_s = retry_after_s
        super().__init__(message, kind=kind)


class Unavailable(Problem):
    """Something that the server depends on does not answer; it was tried again in vain."""

    def __init__(
        self, message: str, *, kind: str = "Unavailable", retry_after_s: float | None = None
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, kind=kind)


class Refused(CodelabError):
    """The server refused the request.

    Attributes:
        code: `extensions.code`, as docs/api.md lists them.
    """

    def __init__(self, message: str, *, code: str, retry_after_s: float | None = None) -> None:
        self.message = message
        self.code = code
        self.retry_after_s = retry_after_s
        super().__init__(f"{code}: {message}")


class Unauthenticated(Refused):
    """The tokens are missing, expired or revoked, and could not be renewed."""

    def __init__(self, message: str = "Sign in first.") -> None:
        super().__init__(message, code="UNAUTHENTICATED")


class RateLimited(Refused):
    """Too many requests, for longer than this client is ready to wait."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message, code="RATE_LIMITED", retry_after_s=retry_after_s)


class Disconnected(CodelabError):
    """There is no answer.

    Attributes:
        maybe_done: Whether the request may have reached the server.
        close_code: The WebSocket's close code, if there was one.
    """

    def __init__(self, message: str, *, maybe_done: bool = True, close_code: int | None = None) -> None:
        self.maybe_done = maybe_done
        self.close_code = close_code
        super().__init__(message)


class AnswerFailed(CodelabError):
    """A run ended without a whole answer.

    Attributes:
        status: How the answer ended, such as `FAILED` or `CANCELLED`.
        content: What was written until then.
    """

    def __init__(self, message: str, *, status: str, content: str) -> None:
        self.status = status
        self.content = content
        super().__init__(message)


def problem_of(kind: str, details: Data) -> Problem:
    """The exception for a problem as GraphQL shows it."""
    make = _PROBLEMS.get(kind)
    return make(details) if make else Problem(_message(details), kind=kind)


def error_of(error: Data) -> CodelabError:
    """The exception for one entry of `errors`."""
    extensions = cast("Data", error.get("extensions") or {})
    code, details = str(extensions.get("code", "INTERNAL")), {**extensions, "message": error.get("message")}
    if code == "UNAUTHENTICATED":
        return Unauthenticated(_message(details))
    if code == "RATE_LIMITED":
        return RateLimited(_message(details), retry_after_s=_seconds(details))
    kind = code.title().replace("_", "")
    if kind in _PROBLEMS:
        return problem_of(kind, details)
    return Refused(_message(details), code=code, retry_after_s=_seconds(details))


def _message(details: Data) -> str:
    return str(details.get("message") or "The server did not say why.")


def _seconds(details: Data) -> float | None:
    seconds = details.get("retryAfterSeconds")
    return float(seconds) if isinstance(seconds, int | float) else None


def _fields(details: Data) -> tuple[FieldProblem, ...]:
    fields = cast("list[Data]", details.get("fields") or [])
    return tuple(
        FieldProblem(tuple(str(part) for part in cast("list[object]", field["path"])), _message(field))
        for field in fields
    )


_PROBLEMS: Mapping[str, Callable[[Data], Problem]] = {
    "NotFound": lambda it: NotFound(_message(it), kind="NotFound"),
    "Invalid": lambda it: Invalid(_message(it), fields=_fields(it)),
    "Conflict": lambda it: Conflict(_message(it), kind="Conflict"),
    "LimitExceeded": lambda it: LimitExceeded(
        _message(it), limit=int(str(it.get("limit") or 0)), retry_after_s=_seconds(it)
    ),
    "Unavailable": lambda it: Unavailable(_message(it), retry_after_s=_seconds(it)),
}

"""The one tree of expected failures; everything else is a bug.

CodeLabError
├── NotFound            unknown, foreign or deleted: the three are indistinguishable
├── Invalid             bad input; one FieldProblem for each field
├── Conflict            a taken name, a stale version, an idempotency key reused for other input
├── LimitExceeded       a bound was reached; says which and, when it passes with time, when
├── Unavailable         a store or a model can't be reached just now; nothing was changed
└── Unauthenticated     no valid credentials; never says which part was wrong
"""

from __future__ import annotations

from dataclasses import dataclass


class CodeLabError(Exception):
    """An outcome that callers are expected to handle; `message` is shown to the user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(CodeLabError):
    """Nothing visible to the caller has this id; the message depends on the kind alone."""

    def __init__(self, kind: str, message: str | None = None) -> None:
        super().__init__(message or f"No such {kind}.")
        self.kind = kind


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one input field; `path` leads to it from the input's root."""

    path: tuple[str, ...]
    message: str


class Invalid(CodeLabError):
    """The input breaks a rule; `fields` names every rule that it breaks, not just the first."""

    def __init__(self, *fields: FieldProblem) -> None:
        super().__init__(" ".join(field.message for field in fields) or "The input is invalid.")
        self.fields = fields


class Conflict(CodeLabError):
    """The request contradicts the present state; reading it again and retrying may help."""


class LimitExceeded(CodeLabError):
    """A bound was reached: `limit` is its size, `retry_after_s` when trying again makes sense."""

    def __init__(self, message: str, *, limit: int, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.limit = limit
        self.retry_after_s = retry_after_s


class Unavailable(CodeLabError):
    """Something CodeLab depends on does not answer; nothing was changed."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unauthenticated(CodeLabError):
    """The request carries no valid credentials."""

    def __init__(self, message: str = "Sign in first: this needs a valid access token.") -> None:
        super().__init__(message)

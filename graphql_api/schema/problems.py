"""Expected outcomes as members of each mutation's union."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import strawberry
from graphql import GraphQLUnionType, get_named_type

from domain import errors

if TYPE_CHECKING:
    from graphql_api.context import Info

T = TypeVar("T")
P = TypeVar("P")


@strawberry.interface(description="Why a mutation did not do what it was asked to. Clients always select it.")
class Problem:
    """What every problem has."""

    message: str = strawberry.field(description="The reason, in a sentence for the user.")


@strawberry.type(description="Unknown, deleted or another's: the three can't be told apart.")
class NotFound(Problem):
    """Nothing with this id."""


@strawberry.type(description="What is wrong with one field of the input.")
class FieldProblem:
    """A field and its problem."""

    path: list[str] = strawberry.field(description="The way to the field from the input's root.")
    message: str = strawberry.field(description="The rule that it breaks.")


@strawberry.type(description="The input breaks rules; nothing was changed.")
class Invalid(Problem):
    """Bad input."""

    fields: list[FieldProblem] = strawberry.field(description="Every field that breaks a rule.")


@strawberry.type(
    description="The name is taken, the version is stale, or the idempotency key was used for other input."
)
class Conflict(Problem):
    """A contradiction with the present state."""


@strawberry.type(description="A bound was reached; nothing was changed.")
class LimitExceeded(Problem):
    """Too much."""

    limit: int = strawberry.field(description="The size of the bound.")
    retry_after_seconds: float | None = strawberry.field(
        description="Seconds after which trying again makes sense; null when time alone does not help."
    )


@strawberry.type(description="Something that CodeLab depends on does not answer; nothing was changed.")
class Unavailable(Problem):
    """Not now."""

    retry_after_seconds: float | None = strawberry.field(
        description="Seconds after which trying again makes sense; null when that is not known."
    )


def problem_of(error: errors.CodeLabError) -> Problem | None:
    """The GraphQL member for a domain error; None for those that are never a union's member."""
    match error:
        case errors.NotFound():
            return NotFound(message=error.message)
        case errors.Invalid():
            fields = [FieldProblem(path=list(f.path), message=f.message) for f in error.fields]
            return Invalid(message=error.message, fields=fields)
        case errors.Conflict():
            return Conflict(message=error.message)
        case errors.LimitExceeded():
            return LimitExceeded(
                message=error.message, limit=error.limit, retry_after_seconds=error.retry_after_s
            )
        case errors.Unavailable():
            return Unavailable(message=error.message, retry_after_seconds=error.retry_after_s)
    return None


async def answered(info: Info, outcome: Awaitable[T], payload: Callable[[T], P]) -> P | Any:
    """The payload of a use case, or the problem that it ended with.

    Raises:
        CodeLabError: a problem that is no member of this mutation's union; it becomes a top-level error.
    """
    try:
        return payload(await outcome)
    except errors.CodeLabError as error:
        problem = problem_of(error)
        if problem is None or type(problem).__name__ not in _members(info):
            raise
        return problem


def _members(info: Info) -> set[str]:
    union = get_named_type(info._raw_info.return_type)
    return {member.name for member in union.types} if isinstance(union, GraphQLUnionType) else set()

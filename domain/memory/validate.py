"""What a memory's text, its importance and a query may be."""

from __future__ import annotations

from domain.errors import FieldProblem, Invalid
from domain.memory.entities import MAX_QUERY, MAX_TEXT


def checked_text(text: str) -> str:
    """The text without what surrounds it.

    Raises:
        Invalid: empty, or longer than 8,000 characters.
    """
    return _checked(text, "text", limit=MAX_TEXT, what="A memory")


def checked_query(query: str) -> str:
    """The query without what surrounds it.

    Raises:
        Invalid: empty, or longer than 2,000 characters.
    """
    return _checked(query, "query", limit=MAX_QUERY, what="A query")


def checked_importance(importance: float) -> float:
    """Importance as it is.

    Raises:
        Invalid: outside 0 to 1.
    """
    if not 0 <= importance <= 1:
        raise Invalid(FieldProblem(("importance",), "Importance is a number from 0 to 1."))
    return importance


def _checked(text: str, field: str, *, limit: int, what: str) -> str:
    plain = text.strip().replace("\0", "")
    if not plain:
        raise Invalid(FieldProblem((field,), f"{what} needs a text."))
    if len(plain) > limit:
        raise Invalid(FieldProblem((field,), f"{what} has at most {limit:,} characters."))
    return plain

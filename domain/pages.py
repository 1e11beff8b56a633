"""Pages of a list: what a reader asks for and what it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.errors import FieldProblem, Invalid

MAX_PAGE = 100
DEFAULT_PAGE = 50

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`size` rows after (or, when `backward`, before) an opaque position; None is the list's end."""

    size: int = DEFAULT_PAGE
    position: str | None = None
    backward: bool = False

    @classmethod
    def of(
        cls,
        *,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> PageRequest:
        """Check GraphQL's four paging arguments.

        Raises:
            Invalid: forward and backward arguments mixed, or a size outside 0..100.
        """
        if (first is not None or after is not None) and (last is not None or before is not None):
            raise Invalid(FieldProblem(("first",), "Use first/after or last/before, not both."))
        backward = last is not None or before is not None
        size = last if backward else first
        if size is None:
            size = DEFAULT_PAGE
        if not 0 <= size <= MAX_PAGE:
            raise Invalid(
                FieldProblem(("last" if backward else "first",), f"A page has 0 to {MAX_PAGE} rows.")
            )
        return cls(size, before if backward else after, backward)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows in list order, a position for each (made when it is asked for), and whether there is more on either side."""

    nodes: tuple[T, ...]
    positions: Sequence[str]
    has_next: bool
    has_previous: bool
    total: int

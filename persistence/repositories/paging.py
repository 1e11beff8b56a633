"""Keyset pages: rows after a position in an order that is total, whatever is inserted meanwhile."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload
from uuid import UUID

import orjson
import sqlalchemy as sa

from domain.errors import FieldProblem, Invalid
from domain.pages import Page, PageRequest
from persistence.statements import param
from persistence.tables.columns import EPOCH, UtcTime, micros

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from persistence.prepared import Row
    from persistence.statements import Rows

T = TypeVar("T")

MAX_POSITION = 200
"""Characters of the longest position that is looked at."""
_BIGGEST = 2**63 - 1


def keyset_page(
    rows: Rows,
    statement: sa.Select[Any],
    *,
    count: sa.Select[Any],
    order: Sequence[sa.ColumnElement[Any]],
    request: PageRequest,
    entity: Callable[[Row], T],
    descending: bool = False,
    **values: Any,
) -> Page[T]:
    """One page of a statement, by `order` (columns that together are unique, all in one direction).

    What it lacks of the order's columns, and the total, are added to the result behind the entity's, so that a
    page is one statement; only a page that turns out empty behind a position needs another one, to count.

    Raises:
        Invalid: the position is not one that a page gave out.
    """
    positioned = request.position is not None
    bound = _decoded(request, order) if positioned else {}
    form = _paged(statement, count, tuple(order), descending != request.backward, positioned)
    found = list(rows.all(form.statement, **values, **bound, page_limit=request.size + 1))
    more = len(found) > request.size
    total = _total(rows, count, found, positioned=positioned, values=values)
    found = found[: request.size]
    if request.backward:
        found.reverse()
    return Page(
        nodes=tuple(entity(row[: form.width]) for row in found),
        positions=_Positions(found, form.places),
        has_next=positioned if request.backward else more,
        has_previous=more if request.backward else positioned,
        total=total,
    )


class _Positions(Sequence[str]):
    """The rows' positions, each encoded when it is looked at: most readers want the rows alone."""

    __slots__ = ("_found", "_places")

    def __init__(self, found: Sequence[Row], places: Sequence[int]) -> None:
        self._found = found
        self._places = places

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return _Positions(self._found[index], self._places)
        row = self._found[index]
        return _encoded([row[place] for place in self._places])

    def __len__(self) -> int:
        return len(self._found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


class _Form(NamedTuple):
    """A page's statement; how many columns are the entity's, and where the order's are."""

    statement: sa.Select[Any]
    width: int
    places: Sequence[int]


@lru_cache(maxsize=256)
def _paged(
    statement: sa.Select[Any],
    count: sa.Select[Any],
    order: tuple[sa.ColumnElement[Any], ...],
    down: bool,  # noqa: FBT001 - the cache takes positional arguments
    positioned: bool,  # noqa: FBT001
) -> _Form:
    """What a page needs; each of its four forms is built once."""
    total = count.correlate(None).scalar_subquery()
    own = list(statement.selected_columns)
    missing = [column for column in order if not any(column is it for it in own)]
    paged = statement.add_columns(*missing, total).order_by(*(c.desc() if down else c.asc() for c in order))
    if positioned:
        bound = sa.tuple_(*(param(f"page_{i}", column.type) for i, column in enumerate(order)))
        paged = paged.where(sa.tuple_(*order) < bound if down else sa.tuple_(*order) > bound)
    places = [next(i for i, it in enumerate((*own, *missing)) if it is column) for column in order]
    return _Form(paged.limit(param("page_limit", sa.Integer)), len(own), places)


def _total(
    rows: Rows, count: sa.Select[Any], found: Sequence[Row], *, positioned: bool, values: Mapping[str, Any]
) -> int:
    if not found and not positioned:
        return 0
    counted = found[0][-1:] if found else rows.one(count, **values)
    return int(counted[0]) if counted else 0


def _encoded(key: Sequence[Any]) -> str:
    plain = [micros(v) if isinstance(v, datetime) else v.hex if isinstance(v, UUID) else v for v in key]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).decode().rstrip("=")


def _decoded(request: PageRequest, order: Sequence[sa.ColumnElement[Any]]) -> dict[str, Any]:
    try:
        plain = _parsed(request.position or "")
        return {
            f"page_{i}": _typed(value, column)
            for i, (value, column) in enumerate(zip(plain, order, strict=True))
        }
    except (ValueError, TypeError, OverflowError) as error:
        name = "before" if request.backward else "after"
        raise Invalid(FieldProblem((name,), "This is not a cursor of this list.")) from error


def _parsed(position: str) -> list[object]:
    if len(position) > MAX_POSITION:
        raise ValueError("too long")
    text = position.encode("ascii") + b"=" * (-len(position) % 4)
    plain = orjson.loads(base64.b64decode(text, altchars=b"-_", validate=True))
    if not isinstance(plain, list):
        raise TypeError("not a key")
    return plain


def _typed(value: object, column: sa.ColumnElement[Any]) -> object:
    """A value of the column's own type; TypeError, ValueError or OverflowError when it is none."""
    kind = column.type
    if isinstance(value, str) and isinstance(kind, sa.Uuid):
        return UUID(hex=value)
    if isinstance(kind, sa.Uuid) or type(value) is not int or not -_BIGGEST <= value <= _BIGGEST:
        raise TypeError("orders consist of ids, times and integers")
    return EPOCH + timedelta(microseconds=value) if isinstance(kind, UtcTime) else value

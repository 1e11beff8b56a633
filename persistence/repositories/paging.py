"""Keyset pages: rows after a position in an order that is total, whatever is inserted meanwhile."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import orjson
import sqlalchemy as sa

from domain.errors import FieldProblem, Invalid
from domain.pages import Page, PageRequest
from persistence.statements import param
from persistence.tables.columns import EPOCH, UtcTime, micros

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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

    The order's columns and the total are added to the result behind the entity's, so that a page is one
    statement; only a page that turns out empty behind a position needs another one, to count.

    Raises:
        Invalid: the position is not one that a page gave out.
    """
    positioned = request.position is not None
    bound = _decoded(request, order) if positioned else {}
    paged = _paged(statement, count, tuple(order), descending != request.backward, positioned)
    found = list(rows.all(paged, **values, **bound, page_limit=request.size + 1))
    more = len(found) > request.size
    total = _total(rows, count, found, positioned=positioned, values=values)
    found = found[: request.size]
    if request.backward:
        found.reverse()
    width = len(statement.selected_columns)
    return Page(
        nodes=tuple(entity(row[:width]) for row in found),
        positions=tuple(_encoded(row[width:-1]) for row in found),
        has_next=positioned if request.backward else more,
        has_previous=more if request.backward else positioned,
        total=total,
    )


@lru_cache(maxsize=256)
def _paged(
    statement: sa.Select[Any],
    count: sa.Select[Any],
    order: tuple[sa.ColumnElement[Any], ...],
    down: bool,  # noqa: FBT001 - the cache takes positional arguments
    positioned: bool,  # noqa: FBT001
) -> sa.Select[Any]:
    """The statement of a page; each of its four forms is built once."""
    total = count.correlate(None).scalar_subquery()
    paged = statement.add_columns(*order, total).order_by(*(c.desc() if down else c.asc() for c in order))
    if positioned:
        bound = sa.tuple_(*(param(f"page_{i}", column.type) for i, column in enumerate(order)))
        paged = paged.where(sa.tuple_(*order) < bound if down else sa.tuple_(*order) > bound)
    return paged.limit(param("page_limit", sa.Integer))


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

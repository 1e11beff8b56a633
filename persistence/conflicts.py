"""Broken constraints: the user's doing, or another transaction that was faster."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from domain.conversations.moved import Moved
from domain.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIQUE_VIOLATION = "23505"
FOREIGN_KEY_VIOLATION = "23503"


@contextmanager
def conflict_on(message: str, index: sa.Index | None = None) -> Iterator[None]:
    """A unique constraint that breaks inside is a Conflict with this message; other failures pass.

    With `index` only that one counts, so that a bug (an id used twice) does not look like the user's doing.
    On PostgreSQL the transaction is lost by then: the Conflict must leave it.
    """
    try:
        yield
    except IntegrityError as error:
        if is_unique_violation(error) and (index is None or _breaks(error, index)):
            raise Conflict(message) from error
        raise


@contextmanager
def moved_on(taken: sa.UniqueConstraint | None = None) -> Iterator[None]:
    """What another transaction took or removed meanwhile is Moved: the key `taken`, or what a row belongs to.

    SQLite has one writer, so that there a row without its parent is a bug.
    """
    try:
        yield
    except IntegrityError as error:
        if _is_gone(error) or (taken is not None and is_unique_violation(error) and _breaks(error, taken)):
            raise Moved from error
        raise


def _is_gone(error: IntegrityError) -> bool:
    return getattr(error.orig, "sqlstate", None) == FOREIGN_KEY_VIOLATION


def is_unique_violation(error: IntegrityError) -> bool:
    """Whether a unique constraint or primary key broke, on either database."""
    state = getattr(error.orig, "sqlstate", None)
    return state == UNIQUE_VIOLATION if state else "UNIQUE constraint failed" in str(error.orig)


def _breaks(error: IntegrityError, index: sa.Index | sa.UniqueConstraint) -> bool:
    """PostgreSQL names the index, SQLite its columns."""
    reports = (error.orig, getattr(error.orig, "__cause__", None))  # the driver's error, perhaps wrapped
    name = next((name for it in reports if (name := getattr(it, "constraint_name", None))), None)
    if name is not None:
        return bool(name == index.name)
    columns = ", ".join(str(column) for column in index.columns)
    return str(error.orig).endswith(f": {columns}")


def unique_index(table: sa.Table, name: str) -> sa.Index:
    """A table's index by its name."""
    return next(index for index in table.indexes if index.name == name)


def unique_key(table: sa.Table, *columns: str) -> sa.UniqueConstraint:
    """A table's unique constraint by its columns."""
    return next(
        constraint
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint) and tuple(constraint.columns.keys()) == columns
    )

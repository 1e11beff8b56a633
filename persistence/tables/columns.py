"""Column types and key patterns shared by all tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC time: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Choose the storage of the dialect."""
        return dialect.type_descriptor(sa.BigInteger() if dialect.name == "sqlite" else self.impl_instance)

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        """Encode; naive times are refused by the subtraction."""
        if value is None or dialect.name != "sqlite":
            return value
        return micros(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Decode."""
        return cast("datetime | None", value) if dialect.name != "sqlite" else _time_of(value)


def quick_decoder(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    """What decodes a column of SQLite with the same result as SQLAlchemy, and in less time, if there is such a way."""
    if dialect.name != "sqlite":
        return None
    if isinstance(kind, UtcTime):
        return _time_of
    return _uuid_of if isinstance(kind, sa.Uuid) and kind.as_uuid else None


def _time_of(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + timedelta(microseconds=value)


@lru_cache(maxsize=10_000)
def _uuid_of(value: str | None) -> UUID | None:
    """The same few ids (of a user, of a project, of a session) stand in row after row."""
    return None if value is None else UUID(value)


def micros(at: datetime) -> int:
    """Microseconds since 1970, exact (no float in between)."""
    return (at - EPOCH) // timedelta(microseconds=1)


def key() -> Any:
    """A UUID that is part of the primary key."""
    return Field(sa_type=sa.Uuid, primary_key=True)


def uuid(*, nullable: bool = False) -> Any:
    """A UUID column; foreign keys are declared per table, because they are composite."""
    return Field(default=None, sa_type=sa.Uuid, nullable=nullable)


def time(*, nullable: bool = False) -> Any:
    """A UTC time."""
    return Field(default=None, sa_type=UtcTime, nullable=nullable)


def text(*, nullable: bool = False) -> Any:
    """Text of any length; bounds are the domain's."""
    return Field(default=None, sa_type=sa.Text, nullable=nullable)


def integer(*, default: int | None = None, nullable: bool = False) -> Any:
    """A 64-bit integer."""
    return Field(
        default=default,
        sa_type=sa.BigInteger,
        nullable=nullable,
        sa_column_kwargs={} if default is None else {"server_default": str(default)},
    )


def real(*, default: float | None = None, nullable: bool = False) -> Any:
    """A double."""
    return Field(
        default=default,
        sa_type=sa.Double,
        nullable=nullable,
        sa_column_kwargs={} if default is None else {"server_default": str(default)},
    )


def flag(*, default: bool) -> Any:
    """A boolean."""
    return Field(default=default, sa_type=sa.Boolean, nullable=False)


def json(*, nullable: bool = False) -> Any:
    """A JSON document."""
    return Field(default=None, sa_type=sa.JSON(none_as_null=True), nullable=nullable)


def references(*columns: str, to: str, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    """A composite foreign key whose first column is always the owner.

    `to` is `table(column, ...)` with the referenced columns in the same order.
    """
    table, names = to.rstrip(")").split("(")
    targets = [f"{table}.{name.strip()}" for name in names.split(",")]
    return sa.ForeignKeyConstraint(columns, targets, ondelete=ondelete)


def one_of(column: str, values: type[Any]) -> sa.CheckConstraint:
    """The column holds one of an enum's values."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({allowed})", name=f"{column}_known")

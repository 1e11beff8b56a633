"""Column types and key patterns shared by all tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

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
        if value is None or dialect.name != "sqlite":
            return cast("datetime | None", value)
        return EPOCH + timedelta(microseconds=value)


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

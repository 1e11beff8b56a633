"""The metadata that all tables share, with named constraints for migrations."""

from __future__ import annotations

from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import SQLModel

metadata = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def table_of(model: type[SQLModel]) -> sa.Table:
    """The Core table of a model."""
    return cast("sa.Table", cast("Any", model).__table__)


def tables_with_owner() -> list[sa.Table]:
    """Tables whose rows belong to one user, in an order in which parents come first."""
    return [table for table in metadata.sorted_tables if "user_id" in table.c]

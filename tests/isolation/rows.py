"""Everything that is stored, to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa

from persistence.tables import metadata

Row = Mapping[str, object]
Rows = Mapping[str, tuple[Row, ...]]
"""Rows by table, in a fixed order."""


def everything(connection: sa.Connection) -> Rows:
    """Every row of every table."""
    return {
        table.name: tuple(
            dict(row)
            for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()
        )
        for table in metadata.sorted_tables
    }


def of_user(rows: Rows, user_id: UUID) -> Rows:
    """What one user owns."""
    return {name: tuple(r for r in of if r.get("user_id") == user_id) for name, of in rows.items()}


def of_project(rows: Rows, project_id: UUID) -> Rows:
    """What lies in one project, and itself."""
    return {
        name: tuple(r for r in of if r["id" if name == "projects" else "project_id"] == project_id)
        for name, of in rows.items()
        if name == "projects" or "project_id" in metadata.tables[name].c
    }


def changed(before: Rows, after: Rows) -> list[str]:
    """The names of the tables that differ."""
    return [name for name in before if before[name] != after[name]]


def ids(rows: Rows, table: str, column: str = "id") -> list[UUID]:
    """The ids in a table."""
    return [value for row in rows[table] if isinstance(value := row[column], UUID)]


def all_ids(rows: Rows) -> set[object]:
    """Every id in any column."""
    return {value for of in rows.values() for row in of for value in row.values() if isinstance(value, UUID)}

"""Switches the owner's predicate off in statements that are on their way to the database.

The product has no such switch: an event of the engine rewrites `table.user_id = ?` to
`(table.user_id = ? OR 1 = 1)`, which keeps the parameters as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from persistence.statements import OWNER_PROJECT, OWNER_USER


class Wall(StrEnum):
    """What a predicate keeps apart."""

    USER = OWNER_USER
    PROJECT = OWNER_PROJECT


@contextmanager
def breached(engines: Sequence[sa.Engine], wall: Wall, *, tables: Collection[str]) -> Iterator[Counter[str]]:
    """Inside, rows of these tables are found whoever owns them; counts the predicates switched off by table."""
    switched: Counter[str] = Counter()

    def rewrite(
        _: object, __: object, statement: str, parameters: Any, context: Any, ___: bool
    ) -> tuple[str, Any]:
        if wall in getattr(context.compiled, "binds", {}):
            for table in tables:
                statement, count = _without(statement, wall, table)
                switched[table] += count
        return statement, parameters

    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", rewrite, retval=True)
    try:
        yield switched
    finally:
        for engine in engines:
            sa.event.remove(engine, "before_cursor_execute", rewrite)


def _without(statement: str, wall: Wall, table: str) -> tuple[str, int]:
    """The statement with every such predicate on a table and its aliases switched off, and how many there were."""
    names = {table, *re.findall(rf"\b{table} AS (\w+)", statement)}
    column = "user_id" if wall is Wall.USER else "id" if table == "projects" else "project_id"
    predicate = rf"\b(?:{'|'.join(names)})\.{column} = (?:\?|\$\d+::UUID)"
    return re.subn(predicate, lambda found: f"({found[0]} OR 1 = 1)", statement)

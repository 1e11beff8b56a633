"""Seconds between two of the database's times."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class elapsed(FunctionElement[float]):  # noqa: N801 - reads as the SQL function that it is
    """`elapsed(from, to)` in seconds; null when either is."""

    type = sa.Double()
    name = "elapsed"
    inherit_cache = True


@compiles(elapsed, "sqlite")
def _sqlite(element: elapsed, compiler: Any, **options: Any) -> str:
    begin, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(({end}) - ({begin})) / 1000000.0"


@compiles(elapsed)
def _postgres(element: elapsed, compiler: Any, **options: Any) -> str:
    begin, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(extract(epoch FROM ({end}) - ({begin}))::float8)"

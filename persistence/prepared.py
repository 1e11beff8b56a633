"""Runs statements that are used again without building them again: the measured shortcut of the hot path.

A statement that was executed once through SQLAlchemy is compiled to the driver's own SQL, with the
functions that encode its parameters and decode its rows, and goes straight to the driver from then
on (measured: about a quarter of the time). Everything else takes the ordinary way: statements built
for one use, lists in parameters, and connections that somebody listens to. Both ways give the same
rows; tests/persistence/test_prepared.py compares them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

import asyncpg
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import await_only

Row = tuple[Any, ...]
"""A row of a result, by position."""
_FLOAT8 = 701
"""PostgreSQL's own number for a double: the only type whose decoder asks, and we have no other numerics."""
Values = Mapping[str, Any]
Convert = Callable[[Any], Any]


class Prepared:
    """A statement in one driver's words."""

    __slots__ = ("_decoders", "_encoders", "sql")

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.sql = compiled.string
        constants = compiled.construct_params({}, _check=False)
        encoders = compiled._bind_processors
        self._encoders = [
            (name, cast("Convert | None", encoders.get(name)), constants.get(name))
            for name in compiled.positiontup or ()
        ]
        decoders = [
            column.type._cached_result_processor(dialect, _FLOAT8) for column in compiled._result_columns
        ]
        self._decoders = [(i, decode) for i, decode in enumerate(decoders) if decode is not None]

    def encode(self, values: Values) -> list[Any]:
        """Parameters in the driver's order and types."""
        return [
            encode(values.get(name, constant)) if encode is not None else values.get(name, constant)
            for name, encode, constant in self._encoders
        ]

    def decode(self, found: Sequence[Sequence[Any]]) -> list[Row]:
        """Rows in Python's types."""
        if not self._decoders:
            return [tuple(row) for row in found]
        rows = [list(row) for row in found]
        for row in rows:
            for index, decode in self._decoders:
                row[index] = decode(row[index])
        return [tuple(row) for row in rows]


class Shortcuts:
    """The prepared statements of one dialect; forgets those whose statement is gone."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[sa.Executable, dict[tuple[str, ...], Prepared | None]] = (
            WeakKeyDictionary()
        )

    def of(self, statement: sa.Executable, columns: tuple[str, ...], dialect: Dialect) -> Prepared | None:
        """The prepared statement; None when it must go the ordinary way, as every one does once."""
        forms = self._known.get(statement)
        if forms is None:
            self._known[statement] = {}
            return None
        if columns not in forms:
            forms[columns] = _prepare(statement, columns, dialect)
        return forms[columns]


def _prepare(statement: sa.Executable, columns: tuple[str, ...], dialect: Dialect) -> Prepared | None:
    compiled = cast("sa.ClauseElement", statement).compile(
        dialect=dialect, column_keys=list(columns) if columns else None
    )
    if not isinstance(compiled, SQLCompiler):
        return None
    if compiled.post_compile_params or compiled.literal_execute_params or compiled.insert_prefetch:
        return None
    return Prepared(compiled, dialect)


_SHORTCUTS = {"sqlite": Shortcuts(), "postgresql": Shortcuts()}


def rows(connection: sa.Connection, statement: sa.Executable, values: Values) -> Sequence[Row]:
    """Every row of the result."""
    prepared = _shortcut(connection, statement, ())
    if prepared is None:
        return cast("Sequence[Row]", connection.execute(statement, values).fetchall())
    return prepared.decode(_driver(connection).fetch(prepared.sql, prepared.encode(values)))


def matched(connection: sa.Connection, statement: sa.Executable, values: Values) -> int:
    """Execute a change; the number of rows that it matched."""
    prepared = _shortcut(connection, statement, ())
    if prepared is None:
        return connection.execute(statement, values).rowcount
    return _driver(connection).execute(prepared.sql, prepared.encode(values))


def insert(connection: sa.Connection, statement: sa.Insert, new: Sequence[Values]) -> None:
    """Insert rows of the same columns."""
    prepared = _shortcut(connection, statement, tuple(new[0]))
    if prepared is None:
        connection.execute(statement, new)
        return
    _driver(connection).insert(prepared.sql, [prepared.encode(row) for row in new])


def _shortcut(
    connection: sa.Connection, statement: sa.Executable, columns: tuple[str, ...]
) -> Prepared | None:
    if connection.dispatch.before_cursor_execute:
        return None
    return _SHORTCUTS[connection.dialect.name].of(statement, columns, connection.dialect)


class _Sqlite:
    """The standard library's driver."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def fetch(self, sql: str, values: list[Any]) -> list[Any]:
        return cast("list[Any]", self._do(lambda: self._driver.execute(sql, values).fetchall(), sql))

    def execute(self, sql: str, values: list[Any]) -> int:
        return cast("int", self._do(lambda: self._driver.execute(sql, values).rowcount, sql))

    def insert(self, sql: str, new: list[list[Any]]) -> None:
        self._do(lambda: self._driver.executemany(sql, new), sql)

    @staticmethod
    def _do(act: Callable[[], Any], sql: str) -> Any:
        try:
            return act()
        except sqlite3.IntegrityError as error:
            raise exc.IntegrityError(sql, None, error, hide_parameters=True) from error
        except sqlite3.OperationalError as error:
            raise exc.OperationalError(sql, None, error, hide_parameters=True) from error


class _Asyncpg:
    """asyncpg, awaited from inside SQLAlchemy's greenlet."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def fetch(self, sql: str, values: list[Any]) -> list[Any]:
        return cast("list[Any]", self._do(self._driver.fetch(sql, *values), sql))

    def execute(self, sql: str, values: list[Any]) -> int:
        status: str = self._do(self._driver.execute(sql, *values), sql)
        return int(status.rpartition(" ")[2])

    def insert(self, sql: str, new: list[list[Any]]) -> None:
        if len(new) == 1:
            self._do(self._driver.execute(sql, *new[0]), sql)
        else:
            self._do(self._driver.executemany(sql, new), sql)

    @staticmethod
    def _do(act: Any, sql: str) -> Any:
        try:
            return await_only(act)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise exc.IntegrityError(sql, None, error, hide_parameters=True) from error


def _driver(connection: sa.Connection) -> _Sqlite | _Asyncpg:
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        return _Sqlite(driver)
    return _Asyncpg(driver)

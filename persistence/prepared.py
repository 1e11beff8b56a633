"""Runs statements that are used again without building them again: the measured shortcut of the hot path.

A statement that was executed once through SQLAlchemy is compiled to the driver's own SQL, with the
functions that encode its parameters and decode its rows, and goes straight to the driver from then
on (measured: about a quarter of the time). Everything else takes the ordinary way: statements built
for one use, long lists in parameters, and connections that somebody listens to. Both ways give the
same rows; tests/persistence/test_prepared.py compares them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

import asyncpg
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlalchemy.util import await_only

from persistence.tables.columns import quick_decoder

Row = tuple[Any, ...]
"""A row of a result, by position."""
_FLOAT8 = 701
"""PostgreSQL's own number for a double: the only type whose decoder asks, and we have no other numerics."""
LONGEST_LIST = 128
"""A statement with a list in its parameters is prepared for lists of up to 1, 2, 4, 8 and so on to this many: a
list is filled up with its last part, which changes nothing of what is IN it."""
Values = Mapping[str, Any]
Convert = Callable[[Any], Any]


class Prepared:
    """A statement in one driver's words, for lists up to the size of those of the values it was made with."""

    __slots__ = ("_decoders", "_encoders", "_lists", "sql")

    def __init__(self, compiled: SQLCompiler, dialect: Dialect, values: Values) -> None:
        constants = {**compiled.construct_params({}, _check=False), **_defaults(compiled)}
        lists = {
            name: _filled(values[name], _size(len(values[name])))
            for name, bind in compiled.binds.items()
            if bind.expanding and name in values
        }
        state = compiled.construct_expanded_state({**constants, **values, **lists})
        self._lists = state.parameter_expansion
        for name, parts in self._lists.items():
            constants.update(zip(parts, constants[name] or (), strict=False))
        self.sql = state.statement
        processors = {
            **compiled._bind_processors,
            **state.processors,
        }  # those of plain values, and of lists' parts
        self._encoders = [
            (name, cast("Convert | None", processors.get(name)), constants.get(name))
            for name in state.positiontup or ()
        ]
        decoders = [
            quick_decoder(column.type, dialect) or column.type._cached_result_processor(dialect, _FLOAT8)
            for column in compiled._result_columns
        ]
        self._decoders = [(i, decode) for i, decode in enumerate(decoders) if decode is not None]

    def encode(self, values: Values) -> list[Any]:
        """Parameters in the driver's order and types."""
        if self._lists:
            values = self._spread(values)
        return [
            encode(values.get(name, constant)) if encode is not None else values.get(name, constant)
            for name, encode, constant in self._encoders
        ]

    def _spread(self, values: Values) -> Values:
        """The values with each part of a list under its own name."""
        spread = dict(values)
        for name, parts in self._lists.items():
            if name in values:
                spread.update(zip(parts, _filled(values[name], len(parts)), strict=True))
        return spread

    def decode(self, found: Sequence[Sequence[Any]]) -> list[Row]:
        """Rows in Python's types, decoded a column at a time."""
        if not self._decoders:
            return [tuple(row) for row in found]
        columns: list[Iterable[Any]] = list(zip(*found, strict=True))
        for index, decode in self._decoders if columns else ():
            columns[index] = map(decode, columns[index])
        return list(zip(*columns, strict=True))


def _size(length: int) -> int:
    """The power of two that a list of this length is filled up to."""
    return 1 << (length - 1).bit_length() if length else 0


def _filled(given: list[Any], size: int) -> list[Any]:
    return given + given[-1:] * (size - len(given))


Form = tuple[str | int, ...]
"""What makes another SQL text of the same statement: an insert's columns, or the sizes of lists."""


class Shortcuts:
    """The prepared statements of one dialect; forgets those whose statement is gone."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[sa.Executable, dict[Form, Prepared | None]] = WeakKeyDictionary()

    def of(self, statement: sa.Executable, form: Form, values: Values, dialect: Dialect) -> Prepared | None:
        """The prepared statement; None when it must go the ordinary way, as every one does once."""
        forms = self._known.get(statement)
        if forms is None:
            self._known[statement] = {}
            return None
        if form not in forms:
            if any(isinstance(size, int) and not 0 < size <= LONGEST_LIST for size in form):
                return None
            forms[form] = _prepare(statement, values, dialect)
        return forms[form]


def _prepare(statement: sa.Executable, values: Values, dialect: Dialect) -> Prepared | None:
    is_insert = isinstance(statement, sa.Insert)
    compiled = cast("sa.ClauseElement", statement).compile(
        dialect=dialect, column_keys=list(values) if is_insert else None
    )
    if not isinstance(compiled, SQLCompiler) or compiled.literal_execute_params:
        return None
    if len(_defaults(compiled)) < len(compiled.insert_prefetch):
        return None
    return Prepared(compiled, dialect, values)


def _defaults(compiled: SQLCompiler) -> dict[str, Any]:
    """What an insert fills in that its rows do not name, as far as it is the same each time."""
    return {
        column.key: column.default.arg
        for column in compiled.insert_prefetch
        if isinstance(column.default, ScalarElementColumnDefault)
    }


_SHORTCUTS = {"sqlite": Shortcuts(), "postgresql": Shortcuts()}


def rows(connection: sa.Connection, statement: sa.Executable, values: Values) -> Sequence[Row]:
    """Every row of the result."""
    prepared = _shortcut(connection, statement, _sizes(values), values)
    if prepared is None:
        return cast("Sequence[Row]", connection.execute(statement, values).fetchall())
    return prepared.decode(_driver(connection).fetch(prepared.sql, prepared.encode(values)))


def matched(connection: sa.Connection, statement: sa.Executable, values: Values) -> int:
    """Execute a change; the number of rows that it matched."""
    prepared = _shortcut(connection, statement, _sizes(values), values)
    if prepared is None:
        return connection.execute(statement, values).rowcount
    return _driver(connection).execute(prepared.sql, prepared.encode(values))


def insert(connection: sa.Connection, statement: sa.Insert, new: Sequence[Values]) -> None:
    """Insert rows of the same columns."""
    prepared = _shortcut(connection, statement, tuple(new[0]), new[0])
    if prepared is None:
        connection.execute(statement, new)
        return
    _driver(connection).insert(prepared.sql, [prepared.encode(row) for row in new])


def command(connection: sa.Connection, sql: str) -> None:
    """Execute what has neither parameters nor a result, such as BEGIN."""
    if connection.dispatch.before_cursor_execute:
        connection.exec_driver_sql(sql)
    else:
        _driver(connection).execute(sql, [])


def _sizes(values: Values) -> Form:
    return tuple(_size(len(value)) for value in values.values() if type(value) is list)


def _shortcut(
    connection: sa.Connection, statement: sa.Executable, form: Form, values: Values
) -> Prepared | None:
    if connection.dispatch.before_cursor_execute:
        return None
    return _SHORTCUTS[connection.dialect.name].of(statement, form, values, connection.dialect)


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

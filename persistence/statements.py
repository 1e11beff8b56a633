"""The one place where statements on owned tables are made: none comes out without its owner.

`select`, `update` and `delete` add `user_id = :owner_user` for every owned table they touch, and
`project_id = :owner_project` too for a statement of one project. `Rows` fills both in when it
executes, so that no caller passes an owner, and puts them into every row that it inserts.
Statements are built once, at import, and cost nothing to reuse.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from persistence import prepared
from persistence.prepared import Row
from persistence.tables.columns import UtcTime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from uuid import UUID

OWNER_USER = "owner_user"
OWNER_PROJECT = "owner_project"
_PREFIX = "p_"
"""Keeps parameters apart from columns, which an UPDATE would take for what to set."""
_STAMPED = ("created_at", "updated_at", "queued_at", "last_used_at", "at")


class now(FunctionElement[Any]):  # noqa: N801 - reads as the SQL function that it is
    """The database's own clock; deadlines are decided by nothing else."""

    type = UtcTime()
    name = "now"
    inherit_cache = True


class after(FunctionElement[Any]):  # noqa: N801 - reads as the SQL function that it is
    """The database's clock plus a number of seconds."""

    type = UtcTime()
    name = "after"
    inherit_cache = True


@compiles(now)
def _now(_: now, __: Any, **___: Any) -> str:
    return "clock_timestamp()"  # on SQLite the connection defines it, over the injected clock


@compiles(after, "sqlite")
def _after_sqlite(element: after, compiler: Any, **options: Any) -> str:
    return f"clock_timestamp() + CAST(1000000 * ({compiler.process(element.clauses, **options)}) AS INTEGER)"


@compiles(after)
def _after(element: after, compiler: Any, **options: Any) -> str:
    return (
        f"clock_timestamp() + make_interval(secs => ({compiler.process(element.clauses, **options)})::float8)"
    )


def seconds(name: str = "seconds") -> sa.BindParameter[float]:
    """A parameter in seconds for `after`."""
    return sa.bindparam(_PREFIX + name, type_=sa.Double)


def _tables(source: sa.FromClause) -> Iterator[sa.FromClause]:
    """The tables (and aliases of tables) of a FROM clause; subqueries were built here, with their owner.

    Raises:
        TypeError: anything else, which might hide a table.
    """
    if isinstance(source, sa.Join):
        yield from _tables(source.left)
        yield from _tables(source.right)
    elif isinstance(source, sa.Table) or (
        isinstance(source, sa.Alias) and isinstance(source.element, sa.Table)
    ):
        yield source
    elif not isinstance(source, sa.Subquery | sa.CTE):
        raise TypeError(f"{type(source).__name__} is no source of owned rows")


def owner_predicate(table: sa.FromClause, *, project: bool) -> sa.ColumnElement[bool]:
    """What makes a row the owner's: its user and, for a statement of one project, its project.

    Raises:
        TypeError: the table has no owner; such statements belong to `persistence.unowned`.
    """
    if "user_id" not in table.c:
        raise TypeError(f"{table} has no owner")
    mine: sa.ColumnElement[bool] = table.c.user_id == sa.bindparam(OWNER_USER, type_=sa.Uuid)
    if not project:
        return mine
    column = table.c.get("project_id")
    if column is None:
        if str(getattr(getattr(table, "element", table), "name", "")) != "projects":
            raise TypeError(f"{table} belongs to no project")
        column = table.c.id
    return sa.and_(mine, column == sa.bindparam(OWNER_PROJECT, type_=sa.Uuid))


def select(*columns: Any, source: sa.FromClause | None = None, project: bool = True) -> sa.Select[Any]:
    """A SELECT confined to its owner: every table it reads from carries the predicate.

    An outer-joined table gets its owner through the join's own condition: use `outer_join`.
    """
    statement = sa.select(*columns)
    if source is not None:
        statement = statement.select_from(source)
    for clause in statement.get_final_froms():
        for table in _inner(clause):
            statement = statement.where(owner_predicate(table, project=project))
    return statement


def _inner(source: sa.FromClause) -> Iterator[sa.FromClause]:
    """Tables whose predicate belongs into WHERE: all but those on the null side of an outer join."""
    if isinstance(source, sa.Join):
        yield from _inner(source.left)
        if not source.isouter:
            yield from _inner(source.right)
    else:
        yield from _tables(source)


def join(left: sa.FromClause, right: sa.FromClause, on: sa.ColumnElement[bool]) -> sa.Join:
    """An inner join, to read from with `select`, which adds the owner of both sides."""
    return sa.join(left, right, on)


def outer_join(
    left: sa.FromClause, right: sa.FromClause, on: sa.ColumnElement[bool], *, project: bool = True
) -> sa.Join:
    """A left join whose right side is confined to its owner in the join's own condition."""
    mine = [owner_predicate(table, project=project) for table in _tables(right)]
    return sa.join(left, right, sa.and_(*mine, on), isouter=True)


def update(table: sa.Table, *, project: bool = True) -> sa.Update:
    """An UPDATE confined to its owner."""
    return sa.update(table).where(owner_predicate(table, project=project))


def delete(table: sa.Table, *, project: bool = True) -> sa.Delete:
    """A DELETE confined to its owner."""
    return sa.delete(table).where(owner_predicate(table, project=project))


def param(name: str, type_: Any = None) -> sa.BindParameter[Any]:
    """A named parameter, filled in by `Rows`."""
    return sa.bindparam(_PREFIX + name, type_=type_)


def any_of(name: str, type_: Any = sa.Uuid) -> sa.BindParameter[Any]:
    """A named list parameter for `column.in_(...)`."""
    return sa.bindparam(_PREFIX + name, type_=type_, expanding=True)


class Rows:
    """One owner's rows inside one open transaction; the only thing repositories hold.

    It is synchronous on purpose: a transaction is a plain function that can't await a model,
    a tool or a person (law 2).
    """

    __slots__ = ("_connection", "_owner", "project_id", "user_id")

    def __init__(self, connection: sa.Connection, *, user_id: UUID, project_id: UUID | None = None) -> None:
        self._connection = connection
        self.user_id = user_id
        self.project_id = project_id
        self._owner = (
            {OWNER_USER: user_id} if project_id is None else {OWNER_USER: user_id, OWNER_PROJECT: project_id}
        )

    def in_project(self, project_id: UUID) -> Rows:
        """The same transaction, confined to one project."""
        return Rows(self._connection, user_id=self.user_id, project_id=project_id)

    def all(self, statement: sa.Executable, /, **values: Any) -> Sequence[Row]:
        """Every row of the result."""
        return prepared.rows(self._connection, statement, {**filled(**values), **self._owner})

    def one(self, statement: sa.Executable, /, **values: Any) -> Row | None:
        """The first row of the result, if any."""
        found = self.all(statement, **values)
        return found[0] if found else None

    def run(self, statement: sa.Executable, /, **values: Any) -> int:
        """Execute a change; returns the number of rows that it matched."""
        return prepared.matched(self._connection, statement, {**filled(**values), **self._owner})

    def insert(self, table: sa.Table, *rows: Mapping[str, Any], by: sa.Insert | None = None) -> None:
        """Insert rows, which get their owner here; `by` is an `inserting` of the table when not the plain one.

        Raises:
            TypeError: a row names an owner itself.
        """
        owner: dict[str, Any] = {"user_id": self.user_id}
        if "project_id" in table.c:
            if self.project_id is None:
                raise TypeError(f"{table.name} rows are inserted inside a project")
            owner["project_id"] = self.project_id
        if any(owner.keys() & row.keys() for row in rows):
            raise TypeError("the owner of a row is not an input")
        if rows:
            statement = by if by is not None else inserting(table)
            prepared.insert(self._connection, statement, [{**row, **owner} for row in rows])


def filled(**values: Any) -> dict[str, Any]:
    """Parameters of an INSERT's computed columns, to be put into its row."""
    return {_PREFIX + name: value for name, value in values.items()}


@cache
def inserting(table: sa.Table, *, given: frozenset[str] = frozenset(), **computed: Any) -> sa.Insert:
    """The INSERT of a table, built once. The times of its making are the database's own unless `given`.

    `computed` columns get an expression; what its parameters are is said in the row by `filled`.
    """
    stamps = {name: now() for name in _STAMPED if name in table.c and name not in given}
    return sa.insert(table).values(stamps | computed)

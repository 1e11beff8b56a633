"""What comes of a probe: what it gives, and whose rows it changes. Nothing of it is kept."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from domain.conversations.moved import Moved
from domain.errors import CodeLabError
from persistence.database import sqlstate
from persistence.statements import Rows
from persistence.tables import metadata
from persistence.transactions import SqlUserTx
from tests.isolation.opening import App
from tests.isolation.people import Place
from tests.isolation.probes import OF_PROJECTS, OF_USERS, UserProbe, inside
from tests.isolation.things import Things

Whose = tuple[str, str, str]
"""A table, the user and the project of a row."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`given` with the names of the things that were asked for replaced by words for them."""

    given: str
    changed: frozenset[tuple[Whose, int]]


class _Undo(Exception):
    """Rolls the transaction back."""


class Before:
    """Everything that is stored, to tell what a transaction has changed of it."""

    def __init__(self, connection: sa.Connection) -> None:
        self._rows = _rows(connection)

    def changes(self, connection: sa.Connection) -> frozenset[tuple[Whose, int]]:
        """Whose rows differ in this transaction, and how many of them."""
        after = _rows(connection)
        different = (self._rows - after) + (after - self._rows)
        return frozenset(Counter(whose for whose, _ in different.elements()).items())


async def before(app: App) -> Before:
    """What is stored now."""
    return await app.as_superuser(Before)


async def outcome(app: App, it: Place, probe: UserProbe, things: Things, before: Before) -> Outcome:
    """Run a probe in a transaction of a place's owner, and take everything back."""
    found: list[Outcome] = []

    def work(connection: sa.Connection) -> None:
        written = _writes(connection)
        try:
            given = probe(SqlUserTx(Rows(connection, user_id=it.person.user_id)), things)
        except (sa.exc.IntegrityError, CodeLabError, Moved) as refusal:
            why = f"{type(refusal).__name__} {sqlstate(refusal.__cause__ or refusal)}"
            found.append(Outcome(f"refused: {why}", frozenset()))
            raise _Undo from None
        changed = before.changes(connection) if _writes(connection) != written else frozenset()
        found.append(Outcome(_in_words(given, things), changed))
        raise _Undo

    with contextlib.suppress(_Undo):
        await app.parts.stores.database.write(work, user_id=it.person.user_id)
    return found[0]


async def of_user(app: App, it: Place, things: Things) -> dict[str, Outcome]:
    """Every probe of a person's transaction, as the owner of a place."""
    stored = await before(app)
    return {name: await outcome(app, it, probe, things, stored) for name, probe in OF_USERS.items()}


async def of_project(app: App, it: Place, things: Things, *, at: UUID) -> dict[str, Outcome]:
    """Every probe of a project's part of such a transaction, in any project."""
    stored = await before(app)
    return {
        name: await outcome(app, it, inside(probe, at), things, stored) for name, probe in OF_PROJECTS.items()
    }


def touched(found: Outcome) -> Iterator[Whose]:
    """Whose rows were changed."""
    return (whose for whose, _ in found.changed)


def _in_words(given: object, things: Things) -> str:
    text = repr(given)
    for word, name in things.ids():
        text = text.replace(str(name), word)
    return text


def _rows(connection: sa.Connection) -> Counter[tuple[Whose, str]]:
    """Everything, as the superuser sees it; the role that the transaction has taken is given back afterwards."""
    role = None
    if connection.dialect.name == "postgresql":
        role = connection.exec_driver_sql("SELECT current_user").scalar_one()
        connection.exec_driver_sql("SET LOCAL ROLE NONE")
    rows = Counter(row for table in metadata.sorted_tables for row in _of_table(connection, table))
    if role:
        connection.exec_driver_sql(f"SET LOCAL ROLE {role}")
    return rows


def _of_table(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[Whose, str]]:
    names = [column.name for column in table.c]
    user = names.index("user_id") if "user_id" in names else None  # the deployment's own
    project = names.index("id" if table.name == "projects" else "project_id") if _in_project(table) else None
    columns = ", ".join(f'"{name}"' for name in names)
    for row in connection.exec_driver_sql(f"SELECT {columns} FROM {table.name}"):
        yield (
            (
                table.name,
                "" if user is None else _hex(row[user]),
                "" if project is None else _hex(row[project]),
            ),
            repr(row),
        )


def _in_project(table: sa.Table) -> bool:
    return table.name == "projects" or "project_id" in table.c


def _hex(value: object) -> str:
    return str(value).replace("-", "")


def _writes(connection: sa.Connection) -> object:
    """Something that is another after the transaction has written."""
    if connection.dialect.name == "postgresql":
        return connection.exec_driver_sql("SELECT pg_current_xact_id_if_assigned()").scalar_one()
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver.total_changes

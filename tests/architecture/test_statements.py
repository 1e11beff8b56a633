"""Owner by construction: statements come from one module, and each that it made names its owner (law 1)."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.sql import visitors

import persistence
import persistence.repositories
from persistence.statements import OWNER_PROJECT, OWNER_USER

ROOT = Path(__file__).parents[2]
MAKERS = {"select", "insert", "update", "delete", "text", "table", "exists", "literal_column", "lambda_stmt"}
RAW = {"exec_driver_sql"}
ALLOWED = {
    "persistence/statements.py": {"select", "insert", "update", "delete"},
    "persistence/unowned.py": {"select", "update"},
    "persistence/unowned_reviews.py": {"select", "update"},
    "persistence/collections.py": {"select", "insert", "update"},
}
"""What makes statements, or text of them, and who may use it. The unowned ones only read and keep leases,
`persistence.collections` writes rows that have no owner."""
CONNECTIONS = {
    "persistence/sqlite.py",
    "persistence/postgres.py",
    "persistence/migrate.py",
    "persistence/prepared.py",
}
"""Who speaks to a database in its own words: to open it, to look after it, to migrate it."""
MODULES = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / "persistence").rglob("*.py")
    if not {"migrations", "tables"} & set(path.parts)
)
"""Import contracts keep the library out of the other packages."""


def makers_used(source: str) -> set[str]:
    """Makers of statements that a module takes from SQLAlchemy, imported or as attributes."""
    used, names = set(), {"sqlalchemy"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name for alias in node.names if _is_library(alias.name)}
        elif isinstance(node, ast.ImportFrom) and node.module and _is_library(node.module):
            used |= {alias.name for alias in node.names if alias.name in MAKERS}
            names |= {alias.asname or alias.name for alias in node.names}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            made_by = ast.unparse(node.value)
            if node.attr in MAKERS and made_by in names:
                used.add(node.attr)
            if node.attr in RAW:
                used.add(node.attr)
    return used


def _is_library(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in {"sqlalchemy", "sqlmodel"}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_statements_are_made_in_one_place(module: Path) -> None:
    used = makers_used((ROOT / module).read_text())
    if str(module) in CONNECTIONS:
        used -= RAW

    assert used <= ALLOWED.get(str(module), set())


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("from sqlalchemy import select, Uuid", {"select"}),
        ("import sqlalchemy as sa\nsa.delete(t)", {"delete"}),
        ("import sqlalchemy\nsqlalchemy.text('x')", {"text"}),
        ("import sqlmodel as m\nm.select(t)", {"select"}),
        ("from sqlalchemy.sql import expression\nexpression.update(t)", {"update"}),
        ("connection.exec_driver_sql('x')", {"exec_driver_sql"}),
        ("from persistence.statements import select\nselect(t)\nrows.update({})", set()),
    ],
)
def test_the_check_sees_every_way_to_make_a_statement(source: str, used: set[str]) -> None:
    assert makers_used(source) == used


def statements() -> Iterator[tuple[str, Any]]:
    """Every statement that a module keeps, with its name."""
    modules = [
        *(
            f"persistence.repositories.{module.name}"
            for module in pkgutil.iter_modules(persistence.repositories.__path__)
        ),
        "persistence.purge",
        "persistence.fact_log",
    ]
    for name in modules:
        for attribute, value in vars(importlib.import_module(name)).items():
            for number, statement in enumerate(_kept(value)):
                yield f"{name}.{attribute}[{number}]", statement


def _kept(value: object) -> Iterator[Any]:
    if isinstance(value, sa.Select | sa.Update | sa.Delete | sa.CompoundSelect):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _kept(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _kept(each)


STATEMENTS = dict(statements())


def unguarded(statement: Any) -> list[str]:
    """Owned tables that some part of a statement touches without asking for their owner."""
    found = []
    for part in visitors.iterate(statement):
        if isinstance(part, sa.Select):
            found += _without_owner(_tables(part), [*part._where_criteria, *_joined_on(part)])
        elif isinstance(part, sa.Update | sa.Delete):
            found += _without_owner([part.table], part._where_criteria)
    return found


def _tables(part: sa.Select[Any]) -> list[Any]:
    """What it reads; the tables of the statement around it are that one's concern."""
    around = part._correlate or ()
    return [table for clause in part.get_final_froms() for table in _leaves(clause) if table not in around]


def _leaves(clause: Any) -> Iterator[Any]:
    if isinstance(clause, sa.Join):
        yield from _leaves(clause.left)
        yield from _leaves(clause.right)
    elif "user_id" in clause.c and not isinstance(clause, sa.CTE | sa.Subquery):
        yield clause


def _joined_on(part: sa.Select[Any]) -> Iterator[Any]:
    for clause in part.get_final_froms():
        for each in visitors.iterate(clause):
            if isinstance(each, sa.Join):
                yield each.onclause


def _without_owner(tables: list[Any], criteria: Any) -> list[str]:
    asked = {_asked(each) for criterion in criteria for each in visitors.iterate(criterion)}
    return [str(table) for table in tables if (table, "user_id", OWNER_USER) not in asked]


def _asked(each: Any) -> tuple[Any, str, str] | None:
    """A comparison of a column with a parameter."""
    if not isinstance(each, sa.BinaryExpression) or not isinstance(each.right, sa.BindParameter):
        return None
    column = each.left
    return (getattr(column, "table", None), getattr(column, "name", ""), each.right.key)


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_part_of_every_statement_asks_for_the_owner_of_what_it_touches(name: str) -> None:
    assert unguarded(STATEMENTS[name]) == []


def test_the_check_sees_the_statements_and_what_is_missing() -> None:
    from persistence.statements import select
    from persistence.tables.conversations import messages, runs

    assert len(STATEMENTS) > 80
    assert unguarded(select(messages.c.id).where(messages.c.id == runs.c.answer_id)) == ["runs"]
    assert unguarded(sa.select(messages.c.id)) == ["messages"]
    assert unguarded(sa.delete(messages)) == ["messages"]
    asked = select(messages.c.id)
    assert unguarded(asked) == []
    assert {
        parameter.key for parameter in visitors.iterate(asked) if isinstance(parameter, sa.BindParameter)
    } == {
        OWNER_USER,
        OWNER_PROJECT,
    }

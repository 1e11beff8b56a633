"""Both ways of running a statement give the same rows: SQLAlchemy's own and the driver's shortcut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import pytest
import sqlalchemy as sa

from domain.errors import Conflict
from persistence import prepared
from persistence.conflicts import conflict_on
from persistence.postgres import PostgresDatabase
from persistence.sqlite import SqliteDatabase
from persistence.statements import Rows, after, any_of, delete, now, param, seconds, select, update
from persistence.tables.agents import agent_versions, agents
from persistence.tables.identity import preferences, users
from persistence.tables.projects import projects

SIZES = (0, 1, 2, 3, 5, 40, prepared.LONGEST_LIST, prepared.LONGEST_LIST + 1)
USER, PROJECT, AGENT = (UUID(int=n) for n in (1, 2, 3))

_VERSION = select(*agent_versions.c).where(agent_versions.c.agent_id == param("id"))
_NOTHING = select(users.c.email, project=False).where(users.c.email == param("email"))
_USER = select(users.c.email, users.c.created_at, users.c.deleted_at, project=False)
_TOUCH = update(projects).where(projects.c.id == param("id")).values(updated_at=after(seconds("later")))
_RENAME = (
    update(projects)
    .where(projects.c.id == param("id"))
    .values(name=param("to"))
    .returning(projects.c.name, projects.c.updated_at > now())
)
_FORGET = delete(preferences, project=False)
_MANY = select(agents.c.id).where(agents.c.id.in_(any_of("ids")))

VERSION = {
    "agent_id": AGENT,
    "version": 1,
    "name": "Имя «агента»",
    "handle": "a",
    "role": "",
    "capabilities": ["a", "б", {"deep": [1, 2.5, None]}],
    "system_prompt": 'it\'s 100% \\ "quoted" $1 :name ?',
    "model_provider": "codelab",
    "model_name": "default",
    "temperature": 0.7,
    "max_tokens": 2**40,
    "concurrency_limit": 3,
    "tools": [],
}


@contextmanager
def listened_to(database: SqliteDatabase | PostgresDatabase) -> Iterator[None]:
    """Make every statement take the ordinary way."""
    engines = database.engines if isinstance(database, SqliteDatabase) else (database.engine.sync_engine,)

    def listener(*_: object) -> None:
        return None

    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", listener)
    try:
        yield
    finally:
        for engine in engines:
            sa.event.remove(engine, "before_cursor_execute", listener)


def story(rows: Rows) -> list[object]:
    """Every kind of statement, value and result; the same again and again, so that the shortcut is taken."""
    told: list[object] = []
    mine = rows.in_project(PROJECT)
    for n in range(4):
        told.append(mine.run(_TOUCH, id=PROJECT, later=60.0))
        told.append(mine.run(_TOUCH, id=UUID(int=9), later=60.0))
        told.append(tuple(mine.one(_RENAME, id=PROJECT, to=f"n{n}") or ()))
        lists = [[AGENT, *(UUID(int=i) for i in range(50, 50 + size))][:size] for size in SIZES]
        lists += [[*reversed(ids)] for ids in lists]
        found = [
            rows.all(_NOTHING, email="nobody"),
            rows.all(_USER),
            mine.all(_VERSION, id=AGENT),
            *(mine.all(_MANY, ids=ids) for ids in lists),
        ]
        told.extend(list(map(tuple, it)) for it in found)
        rows.insert(preferences, {"language": "EN", "theme": "DARK", "send_key": "ENTER"})
        told.append(rows.run(_FORGET))
    return told


async def prepare(database: SqliteDatabase | PostgresDatabase) -> None:
    def work(connection: sa.Connection) -> None:
        rows = Rows(connection, user_id=USER)
        rows.insert(users, {"email": "A@example.com", "email_folded": "a@example.com"})
        rows.insert(projects, {"id": PROJECT, "name": "n", "name_folded": "n"})
        mine = rows.in_project(PROJECT)
        mine.insert(agents, {"id": AGENT, "handle_folded": "a", "version": 1})
        mine.insert(agent_versions, VERSION)

    await database.write(work, user_id=USER)


async def test_both_ways_tell_the_same_story(database: SqliteDatabase | PostgresDatabase) -> None:
    await prepare(database)

    quick = await database.write(lambda c: story(Rows(c, user_id=USER)), user_id=USER)
    with listened_to(database):
        ordinary = await database.write(lambda c: story(Rows(c, user_id=USER)), user_id=USER)

    assert quick == ordinary
    (version,) = next(
        it for it in quick if isinstance(it, list) and it and len(it[0]) == len(agent_versions.c)
    )
    told = dict(zip(agent_versions.c.keys(), version, strict=True))
    assert {name: told[name] for name in VERSION} == VERSION
    assert told["user_id"] == USER
    assert isinstance(told["created_at"], datetime)


async def test_the_shortcut_is_taken_from_the_second_time_on(
    database: SqliteDatabase | PostgresDatabase,
) -> None:
    statement = select(users.c.email, project=False)

    def work(connection: sa.Connection) -> list[bool]:
        return [prepared._shortcut(connection, statement, (), {}) is not None for _ in range(3)]

    assert await database.write(work, user_id=USER) == [False, True, True]


async def test_lists_of_up_to_one_size_share_a_prepared_statement(
    database: SqliteDatabase | PostgresDatabase,
) -> None:
    statement = select(agents.c.id).where(agents.c.id.in_(any_of("ids")))

    def work(connection: sa.Connection) -> list[prepared.Prepared | None]:
        rows = Rows(connection, user_id=USER, project_id=PROJECT)
        for length in (5, 6, 7, 8, 9):
            rows.all(statement, ids=[UUID(int=n) for n in range(length)])
        return list(prepared._SHORTCUTS[connection.dialect.name]._known[statement].values())

    assert len(await database.write(work, user_id=USER)) == 2


async def test_a_long_list_takes_the_ordinary_way(database: SqliteDatabase | PostgresDatabase) -> None:
    def work(connection: sa.Connection) -> list[bool]:
        form, values = (2 * prepared.LONGEST_LIST,), {"p_ids": [AGENT] * (prepared.LONGEST_LIST + 1)}
        return [prepared._shortcut(connection, _MANY, form, values) is not None for _ in range(3)]

    assert await database.write(work, user_id=USER) == [False] * 3


async def test_a_broken_constraint_is_a_conflict_both_ways(
    database: SqliteDatabase | PostgresDatabase,
) -> None:
    await prepare(database)

    for _ in range(3):  # the first one through SQLAlchemy, the others straight
        with pytest.raises(Conflict):
            await database.write(duplicate, user_id=USER)


def duplicate(connection: sa.Connection) -> None:
    with conflict_on("taken"):
        Rows(connection, user_id=USER).insert(projects, {"id": PROJECT, "name": "m", "name_folded": "m"})

"""The builder of statements: nothing comes out without its owner, and no owner is an input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from persistence.statements import (
    OWNER_PROJECT,
    OWNER_USER,
    Rows,
    after,
    delete,
    join,
    now,
    outer_join,
    owner_predicate,
    param,
    seconds,
    select,
    update,
)
from persistence.tables.agents import agents
from persistence.tables.conversations import messages, runs, sessions
from persistence.tables.identity import preferences, users
from persistence.tables.projects import projects
from tests.worlds import World

FOREIGN: Any = sa.table("elsewhere", sa.column("id"))
POSTGRES: sa.Dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # the library's


def sql(statement: sa.Executable, dialect: sa.Dialect | None = None) -> str:
    compiled = statement.compile(dialect=dialect or sqlite.dialect(paramstyle="named"))  # type: ignore[attr-defined]  # every statement compiles
    return " ".join(str(compiled).split())


def test_every_table_of_a_select_gets_its_owner() -> None:
    statement = select(messages.c.id, source=join(messages, runs, runs.c.id == messages.c.run_id))

    assert sql(statement).endswith(
        "WHERE messages.user_id = :owner_user AND messages.project_id = :owner_project"
        " AND runs.user_id = :owner_user AND runs.project_id = :owner_project"
    )


def test_a_statement_of_a_user_names_no_project() -> None:
    for statement in (
        select(projects.c.id, project=False),
        update(projects, project=False).values(name="x"),
        delete(projects, project=False),
    ):
        assert f":{OWNER_USER}" in sql(statement)
        assert f":{OWNER_PROJECT}" not in sql(statement)


def test_a_project_is_its_own_project() -> None:
    assert sql(select(projects.c.name)).endswith(
        "WHERE projects.user_id = :owner_user AND projects.id = :owner_project"
    )
    alias = projects.alias("p")
    assert sql(select(alias.c.name)).endswith("WHERE p.user_id = :owner_user AND p.id = :owner_project")


def test_aliases_and_subqueries_are_confined_too() -> None:
    parent = messages.alias("parent")
    inner = select(parent.c.id).subquery("inner_one")

    outer = sql(select(inner.c.id, source=inner))

    assert "parent.user_id = :owner_user AND parent.project_id = :owner_project" in outer
    assert "inner_one.user_id" not in outer


def test_the_null_side_of_an_outer_join_is_confined_by_the_join_itself() -> None:
    source = outer_join(sessions, runs, runs.c.session_id == sessions.c.id)

    text = sql(select(sessions.c.id, runs.c.id, source=source))

    joined, where = text.split(" WHERE ")
    assert joined.endswith(
        "LEFT OUTER JOIN runs ON runs.user_id = :owner_user AND runs.project_id = :owner_project"
        " AND runs.session_id = sessions.id"
    )
    assert "runs." not in where
    assert where.startswith("sessions.user_id = :owner_user")


async def test_the_null_side_of_an_outer_join_keeps_the_rows_of_the_other_side(world: World) -> None:
    owner = await world.owner()
    lonely, busy = await world.session(owner), await world.session(owner)
    begun = await world.asked(owner, busy)
    source = outer_join(sessions, runs, runs.c.session_id == sessions.c.id)
    statement = select(sessions.c.id, runs.c.id, source=source).order_by(sessions.c.id)

    found = await world.read(owner, lambda p: p.sessions._rows.all(statement))  # type: ignore[attr-defined]  # below the port

    assert set(found) == {(lonely, None), (busy, begun.run_id)}


@pytest.mark.parametrize(
    "build",
    [
        lambda: select(FOREIGN.c.id),
        lambda: select(messages.c.id, source=join(messages, FOREIGN, FOREIGN.c.id == messages.c.id)),
        lambda: outer_join(messages, FOREIGN, FOREIGN.c.id == messages.c.id),
        lambda: update(FOREIGN),
        lambda: delete(FOREIGN),
        lambda: select(preferences.c.language),
        lambda: select(users.c.email),
        lambda: select(messages.tablesample(sa.func.bernoulli(1)).c.id),
        lambda: select(sa.func.generate_series(1, 2).table_valued("n").c.n),
        lambda: select(sa.lateral(sa.select(messages.c.id)).c.id),
        lambda: select(sa.values(sa.column("n", sa.Integer), name="v").data([(1,)]).c.n),
    ],
)
def test_what_has_no_owner_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        build()


def test_the_owner_predicate_can_be_had_for_conditions_of_ones_own() -> None:
    assert sql(sa.select(sa.literal(1)).where(owner_predicate(agents, project=True))).endswith(
        "WHERE agents.user_id = :owner_user AND agents.project_id = :owner_project"
    )


async def test_a_row_gets_its_owner_when_it_is_inserted_and_from_nobody_else(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()
    ids = [world.new_id() for _ in range(3)]
    row = {"title": "T", "title_folded": "t"}

    def insert(rows: Rows, *more: dict[str, object]) -> None:
        rows.insert(sessions, *({**row, **each} for each in more))

    def refused(rows: Rows, extra: dict[str, object]) -> None:
        with pytest.raises(TypeError, match="not an input"):
            insert(rows, {"id": ids[2], **extra})

    def work(connection: sa.Connection) -> None:
        rows = Rows(connection, user_id=owner.user_id)
        with pytest.raises(TypeError, match="inside a project"):
            insert(rows, {"id": ids[2]})
        inside = rows.in_project(owner.project_id)
        refused(inside, {"user_id": stranger.user_id})
        refused(inside, {"project_id": stranger.project_id})
        refused(inside, {"user_id": owner.user_id})
        insert(inside)
        insert(inside, {"id": ids[0]}, {"id": ids[1]})

    await world.database.write(work, user_id=owner.user_id)

    found = await world.read(owner, lambda p: p.sessions.many(ids))
    assert list(found) == ids[:2]
    assert {session.project_id for session in found.values()} == {owner.project_id}
    assert await world.read(stranger, lambda p: p.sessions.many(ids)) == {}


async def test_an_owner_that_is_given_as_a_parameter_changes_nothing(world: World) -> None:
    owner, stranger = await world.owner(), await world.owner()
    session_id = await world.session(owner)
    theirs = await world.session(stranger)
    statement = select(sessions.c.id).where(sessions.c.id.in_([session_id, theirs]))

    def work(connection: sa.Connection) -> list[tuple[object, ...]]:
        rows = Rows(connection, user_id=owner.user_id, project_id=owner.project_id)
        return list(rows.all(statement, owner_user=stranger.user_id, owner_project=stranger.project_id))

    assert await world.database.read(work, user_id=owner.user_id) == [(session_id,)]


async def test_one_and_run_say_what_they_found(world: World) -> None:
    owner = await world.owner("a", "b")
    by_id = select(agents.c.id).where(agents.c.id == param("id"))
    everything = update(agents).values(is_active=False)

    def work(connection: sa.Connection) -> list[object]:
        rows = Rows(connection, user_id=owner.user_id, project_id=owner.project_id)
        return [rows.one(by_id, id=owner.agents["a"]), rows.one(by_id, id=UUID(int=0)), rows.run(everything)]

    assert await world.database.write(work, user_id=owner.user_id) == [(owner.agents["a"],), None, 2]


def test_times_are_the_databases_own_in_either_dialect() -> None:
    statement = sa.select(now(), after(seconds("lease")))

    assert sql(statement) == (
        "SELECT clock_timestamp() AS now_1,"
        " clock_timestamp() + CAST(1000000 * (:p_lease) AS INTEGER) AS after_1"
    )
    assert sql(statement, POSTGRES) == (
        "SELECT clock_timestamp() AS now_1,"
        " clock_timestamp() + make_interval(secs => (:p_lease)::float8) AS after_1"
    )

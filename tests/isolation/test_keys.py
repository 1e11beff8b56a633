"""The tables themselves keep owners apart: a row can name only what is of the same owner and project."""

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from persistence.database import sqlstate
from persistence.tables import tables_with_owner
from tests.isolation.opening import App
from tests.isolation.people import Place
from tests.isolation.rows import Row

OWNED = {table.name: table for table in tables_with_owner()}
KEYS = [
    (name, key)
    for name, table in OWNED.items()
    for key in sorted(table.foreign_key_constraints, key=lambda it: str(it.name))
]
CHILDREN = sorted({name for name, key in KEYS if key.referred_table.name != "users"})
IN_PARTS_OF_PROJECTS = sorted({name for name, key in KEYS if len(key.columns) > 2})
"""Those that name more than the project itself."""
SCOPE = ("user_id", "project_id")
FOREIGN_KEY_VIOLATION = "23503"


@pytest.mark.parametrize(
    ("name", "key"), [pytest.param(name, key, id=f"{name}-{key.name}") for name, key in KEYS]
)
def test_every_reference_carries_its_owner(name: str, key: sa.ForeignKeyConstraint) -> None:
    ours = [column.name for column in key.columns]
    theirs = [element.column.name for element in key.elements]

    assert key.referred_table.name in OWNED
    assert (ours[0], theirs[0]) == ("user_id", "user_id")
    if key.referred_table.name != "users":
        assert ours[1] == theirs[1] in {"project_id", "session_id"} or (ours[1], theirs[1]) == (
            "project_id",
            "id",
        )


def test_what_lies_in_a_session_names_the_sessions_project() -> None:
    """So that a reference by session is one by project as well."""
    by_session = {name for name, key in KEYS if [c.name for c in key.columns][1:2] == ["session_id"]}

    for name in by_session:
        references = [[c.name for c in key.columns] for of, key in KEYS if of == name]
        assert [*SCOPE, "session_id"] in references


@pytest.mark.parametrize("name", CHILDREN)
async def test_a_row_can_name_nothing_of_anothers(app: App, name: str) -> None:
    alice, bob = app.people.alice[0], app.people.bob[0]
    row = await _a_row(app, name, of=alice)

    await _refused(app, OWNED[name].insert().values({**row, "user_id": bob.person.user_id}))


@pytest.mark.parametrize("name", IN_PARTS_OF_PROJECTS)
async def test_a_row_can_name_nothing_of_another_project(app: App, name: str) -> None:
    table, (here, there) = OWNED[name], app.people.bob
    row = await _a_row(app, name, of=here)
    same = [column == row[column.name] for column in table.primary_key.columns]

    await _refused(app, table.update().where(*same).values(project_id=there.project))


async def _a_row(app: App, name: str, *, of: Place) -> Row:
    return next(it for it in (await app.rows())[name] if _is_of(it, of))


async def _refused(app: App, change: sa.Insert | sa.Update) -> None:
    with pytest.raises(exc.IntegrityError) as refused:
        await app.as_superuser(lambda connection: connection.execute(change))

    assert sqlstate(refused.value) == FOREIGN_KEY_VIOLATION or "FOREIGN KEY" in str(refused.value.orig)


def _is_of(row: Row, place: Place) -> bool:
    return row["user_id"] == place.person.user_id and row.get("project_id", place.project) == place.project

"""On PostgreSQL row-level security alone keeps users apart, whatever the statements say.

It does not know of projects: those are kept apart by the statements and by the composite keys.
"""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import sqlalchemy as sa

from persistence.postgres import OWNER_ROLE, UNOWNED_ROLE
from persistence.tables import metadata, tables_with_owner
from persistence.unowned import TABLES
from tests.graphql_api.transport.serving import Server
from tests.isolation.guard import Wall, breached
from tests.isolation.matrix import differences, over_http, over_socket, valid
from tests.isolation.opening import App, Template, elsewhere, opened
from tests.isolation.outcomes import of_project, of_user, touched
from tests.isolation.registry import MUTATIONS, QUERIES, SUBSCRIPTIONS
from tests.isolation.rows import changed
from tests.isolation.rows import of_user as rows_of_user
from tests.isolation.surface import document
from tests.isolation.test_references import naming
from tests.isolation.things import of_nobody, of_place
from tests.isolation.views import strangers, views

pytestmark = pytest.mark.postgres

OWNED = [table.name for table in tables_with_owner()]
NAMELESS = ("Mutation.logOut", "Mutation.changePassword", "Mutation.updatePreferences")
"""Changes of a person's own rows: nothing but the owner says which rows are meant."""
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
OF_THE_DEPLOYMENT = {"memory_collections"}
"""Tables without an owner, for the unowned role alone."""
THE_PRODUCTS_OWN = {"alembic_version"} | OF_THE_DEPLOYMENT
"""Tables without an owner, which hold nothing of anybody's."""


@pytest.fixture
def app(postgres_app: App, sockets: Server) -> App:
    """The product in a world that no test changes."""
    return elsewhere(postgres_app, sockets)


@pytest.fixture
def open_wall(app: App) -> Iterator[None]:
    """The owner's predicate is switched off in every statement on every table."""
    with breached(app.engines, Wall.USER, tables=OWNED) as switched:
        yield
    assert sum(switched.values()) > 0


@pytest.fixture
async def database(app: App) -> AsyncIterator[asyncpg.Connection]:
    """A connection as superuser in a transaction that is rolled back."""
    url = app.parts.settings.database_url
    assert url is not None
    connection = await asyncpg.connect(url.get_secret_value().replace("+asyncpg", ""))
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@pytest.mark.usefixtures("open_wall")
@pytest.mark.parametrize("path", naming(QUERIES | MUTATIONS))
async def test_policies_alone_hide_what_is_anothers(app: App, path: str) -> None:
    it = app.people.bob[1]

    found = await differences(app, it, path, over_http(app, it), another_users_only=True)

    assert not found, "\n".join(found)


@pytest.mark.usefixtures("open_wall")
@pytest.mark.parametrize("path", naming(SUBSCRIPTIONS))
async def test_policies_alone_silence_what_is_anothers(app: App, path: str) -> None:
    it = app.people.bob[1]

    found = await differences(app, it, path, over_socket(app, it), another_users_only=True)

    assert not found, "\n".join(found)


@pytest.mark.usefixtures("open_wall")
async def test_policies_alone_show_only_what_is_ones_own(app: App) -> None:
    it, rows = app.people.bob[1], await app.rows()

    seen = await views(app, it)

    found = [s for path, answer in seen.items() for s in strangers(path, answer, it, app, rows)]
    assert not found, "\n".join(found)


@pytest.mark.usefixtures("open_wall")
async def test_policies_alone_stop_repositories(app: App) -> None:
    it, other, rows = app.people.bob[1], app.people.alice[0], await app.rows()
    theirs, nobody = of_place(other, rows), of_nobody()

    personal = await of_user(app, it, theirs), await of_user(app, it, nobody)
    inside = (
        await of_project(app, it, theirs, at=other.project),
        await of_project(app, it, nobody, at=nobody.project),
    )

    for found, expected in (personal, inside):
        assert found == expected
        assert {user for o in found.values() for _, user, _ in touched(o)} <= {it.person.user_id.hex}


@pytest.mark.parametrize("path", NAMELESS)
async def test_policies_alone_confine_changes_without_a_name(
    postgres_people: Template, tmp_path_factory: pytest.TempPathFactory, sockets: Server, path: str
) -> None:
    async with opened(postgres_people, tmp_path_factory.mktemp("own"), sockets) as app:
        it, other = app.people.bob[0], app.people.alice[0].person
        before = await app.rows()

        with breached(app.engines, Wall.USER, tables=OWNED):
            await over_http(app, it)(document(path), [valid(it, path)])

        after = await app.rows()
        assert changed(before, after)
        assert not changed(rows_of_user(before, other.user_id), rows_of_user(after, other.user_id))


async def test_every_table_with_an_owner_has_the_same_policy(database: asyncpg.Connection) -> None:
    found = {
        row["relname"]: (row["relrowsecurity"], row["relforcerowsecurity"], set(row["policies"]))
        for row in await database.fetch(_SECURITY)
    }

    for table in OWNED:
        enabled, forced, policies = found[table]
        assert enabled, f"row-level security is off on {table}"
        assert forced, f"row-level security is not forced on {table}"
        assert (OWNER_ROLE, "ALL", _MINE, _MINE) in policies, f"no policy of the owner on {table}"
        allowed = {OWNER_ROLE, *([UNOWNED_ROLE] if table in TABLES else [])}
        assert {role for role, *_ in policies} == allowed, f"another policy on {table}"


async def test_every_table_has_an_owner(database: asyncpg.Connection) -> None:
    stored = {row["relname"] for row in await database.fetch(_SECURITY)}

    assert stored == {*OWNED, *THE_PRODUCTS_OWN}
    assert {table.name for table in metadata.sorted_tables} == {*OWNED, *OF_THE_DEPLOYMENT}


@pytest.mark.parametrize("table", sorted(OF_THE_DEPLOYMENT))
async def test_a_table_of_the_deployment_names_nobody_and_is_nobodys(
    app: App, database: asyncpg.Connection, table: str
) -> None:
    (security,) = [row for row in await database.fetch(_SECURITY) if row["relname"] == table]
    assert (security["relrowsecurity"], security["relforcerowsecurity"]) == (True, True)
    assert {role for role, *_ in security["policies"]} == {UNOWNED_ROLE}
    assert not any(isinstance(column.type, sa.Uuid) for column in metadata.tables[table].columns)

    await _become(database, OWNER_ROLE, app.people.alice[0].person.user_id.hex)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.execute(f"SELECT 1 FROM {table}")


async def test_the_roles_have_no_way_around(database: asyncpg.Connection) -> None:
    roles = await database.fetch(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication"
        " FROM pg_roles WHERE rolname = ANY($1)",
        [OWNER_ROLE, UNOWNED_ROLE],
    )

    assert {tuple(role) for role in roles} == {
        (OWNER_ROLE, False, False, False, False, False, False),
        (UNOWNED_ROLE, False, False, False, False, False, False),
    }
    assert not await database.fetch(
        "SELECT 1 FROM pg_class WHERE relowner::regrole::text = ANY($1)", [OWNER_ROLE, UNOWNED_ROLE]
    )
    assert not await database.fetch(
        "SELECT 1 FROM pg_auth_members WHERE member::regrole::text = ANY($1)", [OWNER_ROLE, UNOWNED_ROLE]
    )


@pytest.mark.parametrize("table", OWNED)
async def test_a_person_sees_and_changes_their_own_rows_only(
    app: App, database: asyncpg.Connection, table: str
) -> None:
    alice, bob = app.people.alice[0].person.user_id, app.people.bob[0].person.user_id
    theirs = await database.fetchval(f"SELECT count(*) FROM {table} WHERE user_id = $1", bob)
    assert theirs

    await _become(database, OWNER_ROLE, alice.hex)

    assert await database.fetchval(f"SELECT count(*) FROM {table}")
    assert not await database.fetchval(f"SELECT count(*) FROM {table} WHERE user_id = $1", bob)
    assert not await database.fetchval(f"SELECT count(*) FROM {table} WHERE user_id <> $1", alice)
    assert (
        await database.execute(f"UPDATE {table} SET user_id = user_id WHERE user_id = $1", bob) == "UPDATE 0"
    )
    assert await database.execute(f"DELETE FROM {table} WHERE user_id = $1", bob) == "DELETE 0"


@pytest.mark.parametrize("table", OWNED)
async def test_a_person_gives_nobody_a_row(app: App, database: asyncpg.Connection, table: str) -> None:
    alice, bob = app.people.alice[0].person.user_id, app.people.bob[0].person.user_id
    await _become(database, OWNER_ROLE, alice.hex)

    for statement in (
        (
            f"INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object('user_id', $1::uuid))).*"
            f" FROM {table} t LIMIT 1"
        ),
        f"UPDATE {table} SET user_id = $1",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="violates row-level security policy"):
            async with database.transaction():
                await database.execute(statement, bob)


@pytest.mark.parametrize("owner", ["", None])
async def test_without_a_name_nothing_is_seen(database: asyncpg.Connection, owner: str | None) -> None:
    await _become(database, OWNER_ROLE, owner)

    for table in OWNED:
        assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_the_unowned_role_can_do_what_it_says_and_no_more(database: asyncpg.Connection) -> None:
    everything = {row["relname"] for row in await database.fetch(_SECURITY)}
    allowed = {
        (table, privilege)
        for table in everything
        for privilege in PRIVILEGES
        if await database.fetchval("SELECT has_table_privilege($1, $2, $3)", UNOWNED_ROLE, table, privilege)
    }

    assert allowed == {(table, privilege) for table, privileges in TABLES.items() for privilege in privileges}


async def test_the_owners_role_reads_and_writes_rows_and_no_more(database: asyncpg.Connection) -> None:
    for table in OWNED:
        for privilege in PRIVILEGES:
            has = await database.fetchval(
                "SELECT has_table_privilege($1, $2, $3)", OWNER_ROLE, table, privilege
            )
            assert has == (privilege in ("SELECT", "INSERT", "UPDATE", "DELETE")), (table, privilege)


async def test_the_unowned_role_is_refused_elsewhere(app: App, database: asyncpg.Connection) -> None:
    await _become(database, UNOWNED_ROLE, app.people.alice[0].person.user_id.hex)

    for table in sorted({*OWNED} - TABLES.keys()):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.transaction():
                await database.execute(f"SELECT 1 FROM {table}")
    for table, privileges in TABLES.items():
        for statement, privilege in (
            (f"UPDATE {table} SET user_id = user_id", "UPDATE"),
            (f"DELETE FROM {table}", "DELETE"),
        ):
            if privilege not in privileges:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with database.transaction():
                        await database.execute(statement)


_MINE = (
    "(user_id = ( SELECT (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid AS \"nullif\"))"
)
_SECURITY = """
    SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
           array_remove(array_agg(CASE WHEN p.policyname IS NOT NULL
               THEN (p.roles[1]::text, p.cmd, p.qual, p.with_check) END), NULL) AS policies
    FROM pg_class c
    LEFT JOIN pg_policies p ON p.tablename = c.relname AND p.schemaname = 'public'
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
    GROUP BY c.relname, c.relrowsecurity, c.relforcerowsecurity
"""


async def _become(database: asyncpg.Connection, role: str, user_id: str | None) -> None:
    """Take a role as the product does."""
    await database.execute("SELECT set_config('role', $1, true)", role)
    if user_id is not None:
        await database.execute("SELECT set_config('app.user_id', $1, true)", user_id)

"""The suites can fail: with the owner's predicate of one table switched off, something of another's shows.

SQLite has no second wall, so that there everything depends on the statements.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from domain.events.live import SessionKey
from persistence.buried import BuriedKey
from persistence.purge import Purge
from persistence.tables import tables_with_owner
from persistence.unowned import Unowned
from tests.graphql_api.transport.serving import Server
from tests.isolation.api import Answer
from tests.isolation.guard import Wall, breached
from tests.isolation.opening import App, Template, opened
from tests.isolation.outcomes import Outcome, of_project, of_user
from tests.isolation.rows import changed
from tests.isolation.rows import of_project as rows_of_project
from tests.isolation.rows import of_user as rows_of_user
from tests.isolation.things import of_place
from tests.isolation.views import IMPERSONAL, views

OWNED = [table.name for table in tables_with_owner()]
IN_PROJECTS = [
    table.name for table in tables_with_owner() if table.name == "projects" or "project_id" in table.c
]
WRITTEN_ONLY = {"steps"}
"""Tables that no statement asks for or changes: they get their owner with the insert, and go with their parents."""
SHOWN = {
    Wall.USER: ["users", "preferences", "sign_ins", "projects"],
    Wall.PROJECT: ["agents", "sessions", "orchestrators"],
}
"""Tables whose breach is seen through the API already; to see the others one must be inside a transaction."""


class Forged(Unowned):
    """Says that things lie under tombstones which are another's, or of another project."""

    def __init__(self, app: App, *keys: BuriedKey) -> None:
        super().__init__(app.parts.stores.database)
        self._keys = keys

    async def buried(self, *, limit: int) -> Sequence[BuriedKey]:
        return self._keys


@pytest.fixture
async def own_sqlite(sqlite_people: Template, tmp_path: Path, sockets: Server) -> AsyncIterator[App]:
    """A world that may be damaged."""
    async with opened(sqlite_people, tmp_path, sockets) as it:
        yield it


@pytest.mark.parametrize("table", OWNED)
async def test_without_its_users_predicate_a_table_leaks(
    sqlite_app: App, own_sqlite: App, table: str
) -> None:
    it, rows = sqlite_app.people.bob[1], await sqlite_app.rows()
    other = sqlite_app.people.alice[0]
    theirs = of_place(other, rows)

    async def probed() -> dict[str, Outcome]:
        inside = await of_project(sqlite_app, it, theirs, at=other.project)
        return await of_user(sqlite_app, it, theirs) | inside

    intact = await probed()
    with breached(sqlite_app.engines, Wall.USER, tables=[table]) as switched:
        damaged = await probed()

    leaks = [name for name, outcome in damaged.items() if outcome != intact[name]]
    leaks += await _purged_of_anothers(own_sqlite, table, switched)
    assert bool(switched[table]) == bool(leaks) == (table not in WRITTEN_ONLY), f"{switched} shows {leaks}"


@pytest.mark.parametrize("table", IN_PROJECTS)
async def test_without_its_projects_predicate_a_table_leaks(
    sqlite_app: App, own_sqlite: App, table: str
) -> None:
    it, rows = sqlite_app.people.bob[1], await sqlite_app.rows()
    theirs = of_place(sqlite_app.people.bob[0], rows)

    intact = await of_project(sqlite_app, it, theirs, at=it.project)
    with breached(sqlite_app.engines, Wall.PROJECT, tables=[table]) as switched:
        damaged = await of_project(sqlite_app, it, theirs, at=it.project)

    leaks = [name for name, outcome in damaged.items() if outcome != intact[name]]
    leaks += await _purged_of_another_project(own_sqlite, table, switched)
    assert bool(switched[table]) == bool(leaks) == (table not in WRITTEN_ONLY), f"{switched} shows {leaks}"


@pytest.fixture(scope="module")
async def intact_views(sqlite_app: App) -> Mapping[str, Answer]:
    """What one person sees."""
    return await views(sqlite_app, sqlite_app.people.bob[1])


@pytest.mark.parametrize(("wall", "table"), [(wall, table) for wall in Wall for table in SHOWN[wall]])
async def test_a_breach_is_seen_through_the_api(
    sqlite_app: App, intact_views: Mapping[str, Answer], wall: Wall, table: str
) -> None:
    it, intact = sqlite_app.people.bob[1], intact_views

    with breached(sqlite_app.engines, wall, tables=[table]):
        damaged = await views(sqlite_app, it)

    assert [path for path in intact if path.split()[0] not in IMPERSONAL and damaged[path] != intact[path]]


async def test_a_breached_log_is_read_by_strangers(sqlite_app: App) -> None:
    """The log's reader has no transaction of a person around it: its key alone says who asks."""
    it, other, log = sqlite_app.people.bob[1], sqlite_app.people.alice[0], sqlite_app.parts.stores.log
    stolen = SessionKey(it.person.user_id, other.session)

    with breached(sqlite_app.engines, Wall.USER, tables=["events"]):
        facts = await log.facts(stolen, after=0, limit=9)
    with breached(sqlite_app.engines, Wall.USER, tables=["sessions", "projects"]):
        head = await log.head(stolen)

    assert facts
    assert head


async def _purged_of_anothers(app: App, table: str, switched: Counter[str]) -> list[str]:
    """What purges in one person's name remove of what another has deleted."""
    it, other = app.people.bob[1].person, app.people.alice[0]
    await app.parts.stores.scopes.open(other.person.user_id).write(lambda tx: tx.projects.bury(other.project))
    before = rows_of_user(await app.rows(), other.person.user_id)
    keys = (
        BuriedKey("sessions", it.user_id, other.project, other.session),
        BuriedKey("agents", it.user_id, other.project, other.agent),
        BuriedKey("projects", it.user_id, other.project, other.project),
    )

    with breached(app.engines, Wall.USER, tables=[table]) as more:
        await Purge(app.parts.stores.database, Forged(app, *keys)).buried()

    switched.update(more)
    return changed(before, rows_of_user(await app.rows(), other.person.user_id))


async def _purged_of_another_project(app: App, table: str, switched: Counter[str]) -> list[str]:
    """What the purge of one project and of what is in it removes of another one, which is deleted, too."""
    it, other = app.people.bob
    user_id = it.person.user_id
    await app.parts.stores.scopes.open(user_id).write(
        lambda tx: [tx.projects.bury(place.project) for place in (it, other)]
    )
    before = rows_of_project(await app.rows(), other.project)
    keys = (
        BuriedKey("sessions", user_id, it.project, other.session),
        BuriedKey("agents", user_id, it.project, other.agent),
        BuriedKey("projects", user_id, it.project, it.project),
    )

    with breached(app.engines, Wall.PROJECT, tables=[table]) as more:
        await Purge(app.parts.stores.database, Forged(app, *keys)).buried()

    switched.update(more)
    return changed(before, rows_of_project(await app.rows(), other.project))


async def test_a_purge_takes_nothing_of_anothers(own_sqlite: App) -> None:
    assert not await _purged_of_anothers(own_sqlite, "no table", Counter())


async def test_a_purge_takes_nothing_of_another_project(own_sqlite: App) -> None:
    assert not await _purged_of_another_project(own_sqlite, "no table", Counter())

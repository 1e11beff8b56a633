"""A repository gives and changes nothing outside the transaction's owner, whatever it is asked for."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import get_type_hints
from uuid import UUID

import pytest

from domain.events.live import SessionKey
from domain.scopes import ProjectTx, UserTx
from tests.isolation.opening import App
from tests.isolation.outcomes import Outcome, of_project, of_user, touched
from tests.isolation.probes import OF_PROJECTS, OF_USERS
from tests.isolation.rows import Rows, all_ids
from tests.isolation.rows import of_project as rows_of_project
from tests.isolation.rows import of_user as rows_of_user
from tests.isolation.things import of_nobody, of_place

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def methods_of_ports() -> set[str]:
    """The methods of every port that a transaction leads to."""
    ports = {
        get_type_hints(member.fget)["return"]
        for transaction in (UserTx, ProjectTx)
        for _, member in inspect.getmembers(transaction, lambda member: isinstance(member, property))
    } - {UUID}
    return {
        f"{port.__name__}.{name}"
        for port in ports
        for name, _ in inspect.getmembers(port, inspect.isfunction)
        if not name.startswith("_")
    }


def test_every_method_of_every_port_has_a_probe() -> None:
    assert methods_of_ports() == {*OF_USERS, *OF_PROJECTS}


@pytest.mark.parametrize("name", ["alice", "bob"])
async def test_anothers_things_are_to_a_repository_as_nobodys(app: App, name: str) -> None:
    it = app.people.alice[0] if name == "alice" else app.people.bob[1]
    other, rows, nobody = app.people.others(it)[0], await app.rows(), of_nobody()
    theirs = of_place(other, rows)

    for found, expected in (
        (await of_user(app, it, theirs), await of_user(app, it, nobody)),
        (
            await of_project(app, it, theirs, at=it.project),
            await of_project(app, it, nobody, at=it.project),
        ),
        (
            await of_project(app, it, theirs, at=other.project),
            await of_project(app, it, nobody, at=nobody.project),
        ),
    ):
        assert not list(_differences(found, expected))
        assert not list(_strangers(found, rows_of_user(rows, other.person.user_id)))
        assert {user for o in found.values() for _, user, _ in touched(o)} <= {it.person.user_id.hex}


@pytest.mark.parametrize("name", ["one", "two"])
async def test_things_of_another_project_are_to_a_repository_as_nobodys(app: App, name: str) -> None:
    it = next(place for place in app.people.bob if place.mark.endswith(name))
    other, rows = app.people.elsewhere(it), await app.rows()

    found = await of_project(app, it, of_place(other, rows), at=it.project)
    expected = await of_project(app, it, of_nobody(), at=it.project)

    assert not list(_differences(found, expected))
    assert not list(_strangers(found, rows_of_project(rows, other.project)))
    assert {project for o in found.values() for _, _, project in touched(o)} == {it.project.hex}


async def test_a_repository_finds_what_is_its_owners(app: App) -> None:
    """The probes ask for what is there: for its owner almost every one gives or changes something."""
    it, rows, nobody = app.people.alice[0], await app.rows(), of_nobody()
    own = of_place(it, rows)

    found = await of_user(app, it, own) | await of_project(app, it, own, at=it.project)
    empty = await of_user(app, it, nobody) | await of_project(app, it, nobody, at=nobody.project)

    assert {name for name in found if found[name] == empty[name]} == WITHOUT_NAME | WITHOUT_WORD


WITHOUT_NAME = {
    *(f"IdentityRows.{name}" for name in ("add_link", "add_sign_in", "add_user", "change_password", "lock")),
    *(f"IdentityRows.{name}" for name in ("password_hash", "preferences", "save_preferences", "user")),
    "ProjectRows.count",
}
"""What is asked for all that its owner has."""
WITHOUT_WORD = {"SessionRows.lock", "SlotRows.lock"}
"""What gives nothing and changes nothing."""


async def test_a_log_is_read_by_its_owner_alone(app: App) -> None:
    log = app.parts.stores.log
    it, other = app.people.alice[0], app.people.bob[0]
    own = SessionKey(it.person.user_id, it.session)
    stolen = SessionKey(it.person.user_id, other.session)

    assert await log.head(own) is not None
    assert await log.facts(own, after=0, limit=9)
    assert await log.head(stolen) is None
    assert await log.facts(stolen, after=0, limit=9) == []


def _differences(found: Mapping[str, Outcome], expected: Mapping[str, Outcome]) -> Iterator[str]:
    for name, outcome in found.items():
        if outcome != expected[name]:
            yield f"{name}: {outcome} instead of {expected[name]}"


def _strangers(found: Mapping[str, Outcome], theirs: Rows) -> Iterator[str]:
    known = {str(value) for value in all_ids(theirs)}
    for name, outcome in found.items():
        for id_ in _UUID.findall(outcome.given):
            if id_ in known:
                yield f"{name} gives {id_}"

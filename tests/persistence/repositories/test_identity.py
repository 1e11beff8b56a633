"""A user's own rows on SQLite and PostgreSQL: whose they are, and what a transaction undoes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from domain.errors import Conflict
from domain.identity.credentials import normal_email
from domain.identity.entities import Preferences, Theme
from persistence.database import Database
from persistence.repositories.identity import SqlIdentity
from persistence.statements import Rows
from persistence.unowned import Unowned
from tests.persistence.databases import Stored

T = TypeVar("T")


class Person:
    """Somebody's rows, by themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.id = uuid4()
        self.sign_in_id = uuid4()
        self.link_id = uuid4()

    async def does(self, work: Callable[[SqlIdentity], T]) -> T:
        """One transaction of this person."""
        return await self._database.write(
            lambda connection: work(SqlIdentity(Rows(connection, user_id=self.id))), user_id=self.id
        )

    async def appears(self, name: str) -> None:
        """Register, sign in, choose and get a link."""

        def work(identity: SqlIdentity) -> None:
            identity.add_user(normal_email(f"{name}@example.org"), password_hash="hash")
            identity.add_sign_in(self.sign_in_id, token_hash=f"{name}-1", client=None)
            identity.save_preferences(Preferences(theme=Theme.DARK))
            identity.add_link(self.link_id, token_hash=f"{name}-link")

        await self.does(work)


@pytest.fixture
async def ann(stored: Stored) -> Person:
    person = Person(stored.database)
    await person.appears("ann")
    return person


@pytest.fixture
async def bob(stored: Stored) -> Person:
    person = Person(stored.database)
    await person.appears("bob")
    return person


def _state(person: Person) -> Callable[[SqlIdentity], object]:
    return lambda identity: (
        identity.user(),
        identity.lock(),
        identity.password_hash(),
        identity.preferences(),
        identity.sign_ins(),
        identity.token_family(person.sign_in_id),
    )


async def test_another_users_rows_can_neither_be_read_nor_changed(ann: Person, bob: Person) -> None:
    before = await ann.does(_state(ann))
    await bob.does(lambda identity: identity.revoke(bob.sign_in_id))

    def tries(identity: SqlIdentity) -> list[object]:
        identity.save_preferences(Preferences())
        return [
            identity.sign_in(ann.sign_in_id),
            identity.token_family(ann.sign_in_id),
            identity.rotate(ann.sign_in_id, presented="ann-1", successor="bob-2"),
            identity.revoke(ann.sign_in_id),
            identity.redeem_link(ann.link_id),
            identity.purge_sign_ins([ann.sign_in_id]),
            identity.revoke_all(),
            identity.change_password("other", replacing="hash"),
        ]

    assert await bob.does(tries) == [None, None, None, False, False, 0, [], True]
    assert await ann.does(_state(ann)) == before
    assert await ann.does(lambda identity: identity.redeem_link(ann.link_id))


async def test_a_taken_address_undoes_the_whole_transaction(ann: Person, stored: Stored) -> None:
    second = Person(stored.database)

    with pytest.raises(Conflict):
        await second.appears("ann")

    assert await second.does(lambda identity: identity.user()) is None


async def test_rows_of_nobody_are_defaults_and_nothing(stored: Stored) -> None:
    nobody = Person(stored.database)

    assert await nobody.does(_state(nobody)) == (None, None, None, Preferences(), [], None)


async def test_of_many_rotations_at_once_one_happens(ann: Person) -> None:
    def rotation(number: int) -> Callable[[SqlIdentity], bool]:
        def work(identity: SqlIdentity) -> bool:
            rotated = identity.rotate(ann.sign_in_id, presented="ann-1", successor=f"ann-2-{number}")
            return rotated is not None

        return work

    outcomes = await asyncio.gather(*(ann.does(rotation(number)) for number in range(10)))

    assert sum(outcomes) == 1


async def test_all_but_one_sign_in_end(ann: Person) -> None:
    others = [uuid4() for _ in range(3)]

    def work(identity: SqlIdentity) -> tuple[set[UUID], list[UUID]]:
        for number, sign_in_id in enumerate(others):
            identity.add_sign_in(sign_in_id, token_hash=f"other-{number}", client="Browser")
        ended = identity.revoke_all(but=ann.sign_in_id)
        return set(ended), [sign_in.id for sign_in in identity.sign_ins()]

    assert await ann.does(work) == (set(others), [ann.sign_in_id])


async def test_sign_ins_are_listed_by_their_last_use(ann: Person, stored: Stored) -> None:
    later = uuid4()
    await stored.pass_time(60)
    await ann.does(lambda identity: identity.add_sign_in(later, token_hash="later-1", client=None))
    before = await ann.does(lambda identity: [sign_in.id for sign_in in identity.sign_ins()])
    await stored.pass_time(60)

    await ann.does(lambda identity: identity.rotate(ann.sign_in_id, presented="ann-1", successor="ann-2"))

    after = await ann.does(lambda identity: [sign_in.id for sign_in in identity.sign_ins()])
    assert (before, after) == ([later, ann.sign_in_id], [ann.sign_in_id, later])


async def test_only_expired_sign_ins_are_purged(ann: Person, stored: Stored) -> None:
    await ann.does(lambda identity: identity.revoke(ann.sign_in_id))
    kept = await ann.does(lambda identity: identity.purge_sign_ins([ann.sign_in_id]))
    await stored.pass_time(8 * 24 * 3600)

    assert (kept, await ann.does(lambda identity: identity.purge_sign_ins([ann.sign_in_id]))) == (0, 1)


async def test_the_directory_returns_keys_only(ann: Person, bob: Person, stored: Stored) -> None:
    directory = Unowned(stored.database)
    await bob.does(lambda identity: identity.rotate(bob.sign_in_id, presented="bob-1", successor="bob-2"))

    found = [
        await directory.sign_in_by_refresh_token(hashed) for hashed in ("ann-1", "bob-1", "bob-2", "bob-3")
    ]
    link, no_link = await directory.link_by_token("ann-link"), await directory.link_by_token("bob-1")

    assert [key and (key.user_id, key.sign_in_id) for key in found] == [
        (ann.id, ann.sign_in_id),
        (bob.id, bob.sign_in_id),
        (bob.id, bob.sign_in_id),
        None,
    ]
    assert link is not None
    assert (link.user_id, link.link_id, no_link) == (ann.id, ann.link_id, None)
    assert await directory.user_by_email("ann@example.org") == ann.id
    assert await directory.user_by_email("Ann@example.org") is None

"""The one-time link of the embedded start, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import Invalid, LimitExceeded
from domain.identity.issue import Client
from domain.identity.links import SignInLink
from tests.domain.identity.world import HERE, PASSWORD, Process
from tests.persistence.databases import Stored


@pytest.fixture
def process(stored: Stored) -> Process:
    return Process(stored.database, stored.clock)


async def _refused(process: Process, link: SignInLink, *, client: Client = HERE) -> None:
    with pytest.raises(Invalid) as refused:
        await process.redeem_link(link.token, client=client)
    assert [field.path for field in refused.value.fields] == [("token",)]


async def test_the_first_link_makes_and_welcomes_the_first_user(process: Process) -> None:
    link = await process.make_link()

    signed_in = await process.redeem_link(link.token, client=HERE)

    assert (signed_in.user.id, signed_in.user.email) == (link.user_id, "you@codelab.localhost")
    assert process.welcomed == [link.user_id]
    await process.authenticator.authenticate(signed_in.tokens.access_token)
    assert link.token not in repr(link)


async def test_later_links_are_for_the_same_user(process: Process, stored: Stored) -> None:
    first = await process.make_link()
    await stored.pass_time(1)
    await process.somebody()

    second = await process.make_link()

    assert second.user_id == first.user_id
    assert process.welcomed == [first.user_id]


async def test_a_link_is_for_whoever_registered_first(process: Process, stored: Stored) -> None:
    ann = await process.somebody()
    await stored.pass_time(1)
    await process.somebody("bob@example.org")

    link = await process.make_link()

    assert (link.user_id, process.welcomed) == (ann.user.id, [])


async def test_a_link_works_once_even_when_it_is_opened_twice_at_once(process: Process) -> None:
    link = await process.make_link()

    outcomes = await asyncio.gather(
        *(process.redeem_link(link.token, client=HERE) for _ in range(5)), return_exceptions=True
    )

    assert sorted(isinstance(outcome, Invalid) for outcome in outcomes) == [False, True, True, True, True]
    await _refused(process, link)


async def test_a_link_expires_after_ten_minutes(process: Process, stored: Stored) -> None:
    late, in_time = await process.make_link(), await process.make_link()
    await stored.pass_time(9 * 60)
    await process.redeem_link(in_time.token, client=HERE)

    await stored.pass_time(61)

    await _refused(process, late)


async def test_expired_links_are_forgotten_when_another_is_made(process: Process, stored: Stored) -> None:
    await process.make_link()
    await stored.pass_time(601)

    await process.make_link()

    rows = await stored.database.write(
        lambda c: c.exec_driver_sql("SELECT count(*) FROM sign_in_links").scalar_one(), user_id=None
    )
    assert rows == 1


async def test_an_unknown_link_is_refused_and_guessing_is_limited(process: Process) -> None:
    link = await process.make_link()
    for _ in range(10):
        await _refused(process, SignInLink(link.user_id, "guess"))

    with pytest.raises(LimitExceeded):
        await process.redeem_link(link.token, client=HERE)
    await process.redeem_link(link.token, client=Client("192.0.2.2"))


async def test_two_processes_that_start_at_once_make_one_first_user(stored: Stored) -> None:
    processes = [Process(stored.database, stored.clock) for _ in range(4)]

    links = await asyncio.gather(*(process.make_link() for process in processes))

    assert len({link.user_id for link in links}) == 1
    assert sum(len(process.welcomed) for process in processes) >= 1


async def test_who_came_by_a_link_may_set_a_first_password_and_log_in_with_it(process: Process) -> None:
    signed_in = await process.redeem_link((await process.make_link()).token, client=HERE)
    principal = await process.authenticator.authenticate(signed_in.tokens.access_token)
    with pytest.raises(Invalid):
        await process.log_in(email=signed_in.user.email, password=PASSWORD, client=HERE)
    with pytest.raises(Invalid):
        await process.change_password(process.scope(signed_in), principal, current="something", new=PASSWORD)

    await process.change_password(process.scope(signed_in), principal, current="", new=PASSWORD)

    await process.log_in(email=signed_in.user.email, password=PASSWORD, client=HERE)

"""Registering, logging in and out, changing the password: on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from domain.errors import Conflict, FieldProblem, Invalid, LimitExceeded, Unauthenticated
from domain.identity.entities import Principal, SignedIn
from domain.identity.issue import Client
from tests.domain.identity.world import HERE, PASSWORD, Process
from tests.persistence.databases import Stored


@pytest.fixture
def process(stored: Stored) -> Process:
    return Process(stored.database, stored.clock)


async def _principal(process: Process, signed_in: SignedIn) -> Principal:
    return await process.authenticator.authenticate(signed_in.tokens.access_token)


async def test_who_registers_is_signed_in(process: Process) -> None:
    signed_in = await process.register(email="  Ann@Example.org ", password=PASSWORD, client=HERE)

    principal = await _principal(process, signed_in)
    (sign_in,) = await process.sign_ins(signed_in)
    assert signed_in.user.email == "Ann@Example.org"
    assert (principal.user_id, principal.sign_in_id) == (signed_in.user.id, signed_in.sign_in_id)
    assert (sign_in.id, sign_in.client) == (signed_in.sign_in_id, "Browser")
    assert (signed_in.tokens.access_expires_at - process.clock()).total_seconds() == pytest.approx(
        1800, abs=1
    )


async def test_tokens_do_not_show_when_a_result_is_printed(process: Process) -> None:
    signed_in = await process.somebody()

    shown = repr(signed_in) + repr(signed_in.tokens)

    assert signed_in.tokens.access_token not in shown
    assert signed_in.tokens.refresh_token not in shown


async def test_an_address_is_taken_whatever_its_case_and_composition(process: Process) -> None:
    await process.register(email="zoë@example.org", password=PASSWORD, client=HERE)

    with pytest.raises(Conflict, match="registered already"):
        await process.register(email="ZOE\u0308@EXAMPLE.ORG", password="another one", client=HERE)
    await process.log_in(email="Zoë@Example.org", password=PASSWORD, client=HERE)


async def test_every_broken_rule_is_named(process: Process) -> None:
    with pytest.raises(Invalid) as refused:
        await process.register(email="nobody", password="short", client=HERE)

    assert [field.path for field in refused.value.fields] == [("email",), ("password",)]
    assert await process.directory.first_user() is None


async def test_an_unknown_address_and_a_wrong_password_are_the_same(process: Process) -> None:
    await process.somebody("ann@example.org")
    answers: list[tuple[FieldProblem, ...]] = []

    for email, password in (
        ("ann@example.org", "wrong horse"),
        ("bob@example.org", PASSWORD),
        ("no address", PASSWORD),
        ("ann@example.org", "short"),
        ("ann@example.org", "\ud800" * 9),
    ):
        with pytest.raises(Invalid) as refused:
            await process.log_in(email=email, password=password, client=Client(f"192.0.2.{len(answers)}"))
        answers.append(refused.value.fields)

    assert len(set(answers)) == 1
    assert len(process.passwords.verified) == len(answers)


async def test_a_password_that_is_changed_during_a_log_in_does_not_get_in(process: Process) -> None:
    ann = await process.somebody()
    principal = await _principal(process, ann)

    async def change_first(password: str, password_hash: str | None) -> bool:
        del process.passwords.verify
        await process.change_password(process.scope(ann), principal, current=PASSWORD, new="new password")
        return await process.passwords.verify(password, password_hash)

    process.passwords.verify = change_first  # type: ignore[method-assign]  # a log-in is overtaken here
    with pytest.raises(Invalid):
        await process.log_in(email="ann@example.org", password=PASSWORD, client=HERE)

    assert len(await process.sign_ins(ann)) == 1


async def test_guessing_from_one_place_waits_longer_and_longer(process: Process, stored: Stored) -> None:
    waits: list[float] = []
    for attempt in range(200):
        try:
            await process.log_in(email=f"{attempt}@example.org", password=PASSWORD, client=HERE)
        except Invalid:
            continue
        except LimitExceeded as refused:
            waits.append(refused.retry_after_s or 0)
            process.clock.advance(waits[-1])

    assert waits[0] == pytest.approx(6, abs=0.1)
    assert waits[-1] == pytest.approx(60, abs=0.1)


async def test_guessing_one_address_from_many_places_is_limited(process: Process) -> None:
    for attempt in range(5):
        with pytest.raises(Invalid):
            await process.log_in(
                email="ann@example.org", password="x" * 8, client=Client(f"192.0.2.{attempt}")
            )

    with pytest.raises(LimitExceeded) as refused:
        await process.log_in(email="Ann@example.org", password="x" * 8, client=Client("2001:db8::1"))

    assert refused.value.limit == 5
    assert refused.value.retry_after_s == pytest.approx(12, abs=0.1)


async def test_registering_from_one_place_is_limited(process: Process) -> None:
    for attempt in range(10):
        await process.somebody(f"{attempt}@example.org")

    with pytest.raises(LimitExceeded):
        await process.somebody("one.more@example.org")


async def test_logging_out_ends_this_sign_in_and_no_other(process: Process) -> None:
    ann = await process.somebody()
    elsewhere = await process.log_in(email="ann@example.org", password=PASSWORD, client=HERE)

    ended = await process.log_out(process.scope(ann), await _principal(process, ann))

    assert ended == 1
    assert process.hints.sent == [("revoked", {"sign_in_id": str(ann.sign_in_id)})]
    await _principal(process, elsewhere)
    with pytest.raises(Unauthenticated):
        await _principal(process, ann)
    with pytest.raises(Invalid):
        await process.refresh(ann.tokens.refresh_token, client=HERE)


async def test_logging_out_everywhere_ends_the_users_sign_ins_and_nobody_elses(process: Process) -> None:
    ann, bob = await process.somebody(), await process.somebody("bob@example.org")
    await process.log_in(email="ann@example.org", password=PASSWORD, client=HERE)
    principal = await _principal(process, ann)

    ended = await process.log_out(process.scope(ann), principal, everywhere=True)
    again = await process.log_out(process.scope(ann), principal)

    assert (ended, again) == (2, 0)
    assert await process.sign_ins(ann) == []
    await _principal(process, bob)


async def test_a_new_password_ends_all_other_sign_ins(process: Process) -> None:
    ann = await process.somebody()
    elsewhere = await process.log_in(email="ann@example.org", password=PASSWORD, client=HERE)

    user = await process.change_password(
        process.scope(ann), await _principal(process, ann), current=PASSWORD, new="new password"
    )

    assert user == ann.user
    await _principal(process, ann)
    assert process.hints.sent == [("revoked", {"sign_in_id": str(elsewhere.sign_in_id)})]
    with pytest.raises(Unauthenticated):
        await _principal(process, elsewhere)
    await process.log_in(email="ann@example.org", password="new password", client=HERE)


@pytest.mark.parametrize(
    ("current", "new", "path"),
    [("wrong horse", "new password", "current"), ("", "new password", "current"), (PASSWORD, "short", "new")],
)
async def test_a_password_is_not_changed(process: Process, current: str, new: str, path: str) -> None:
    ann = await process.somebody()
    principal = await _principal(process, ann)

    with pytest.raises(Invalid) as refused:
        await process.change_password(process.scope(ann), principal, current=current, new=new)

    assert [field.path for field in refused.value.fields] == [(path,)]
    await process.log_in(email="ann@example.org", password=PASSWORD, client=HERE)


async def test_of_two_changes_of_a_password_at_once_one_is_made(process: Process) -> None:
    ann = await process.somebody()
    principal = await _principal(process, ann)

    async def overtaken(password: str, password_hash: str | None) -> bool:
        del process.passwords.verify
        await process.change_password(process.scope(ann), principal, current=PASSWORD, new="the faster one")
        return True

    process.passwords.verify = overtaken  # type: ignore[method-assign]  # the other change comes first
    with pytest.raises(Invalid):
        await process.change_password(process.scope(ann), principal, current=PASSWORD, new="the slower one")

    await process.log_in(email="ann@example.org", password="the faster one", client=HERE)


async def test_guessing_the_present_password_is_limited(process: Process) -> None:
    ann = await process.somebody()
    principal = await _principal(process, ann)
    for _ in range(5):
        with pytest.raises(Invalid):
            await process.change_password(
                process.scope(ann), principal, current="wrong horse", new="12345678"
            )

    with pytest.raises(LimitExceeded):
        await process.change_password(process.scope(ann), principal, current=PASSWORD, new="12345678")


async def test_a_deleted_user_gets_in_by_no_way(process: Process, stored: Stored) -> None:
    ann = await process.somebody()
    link = await process.make_link()
    principal = await _principal(process, ann)
    await _delete_users(stored)
    await stored.pass_time(31)

    with pytest.raises(Invalid):
        await process.log_in(email="ann@example.org", password=PASSWORD, client=HERE)
    with pytest.raises(Invalid):
        await process.refresh(ann.tokens.refresh_token, client=HERE)
    with pytest.raises(Invalid):
        await process.redeem_link(link.token, client=HERE)
    with pytest.raises(Unauthenticated):
        await _principal(process, ann)
    with pytest.raises(Invalid):
        await process.change_password(process.scope(ann), principal, current="", new="new password")
    await process.somebody()  # the address is free again


async def _delete_users(stored: Stored) -> None:
    statement = "UPDATE users SET deleted_at = created_at"
    if stored.server is not None:
        await stored.server.execute(statement, database=stored.name)
    else:
        await stored.database.write(lambda c: c.exec_driver_sql(statement), user_id=None)


async def test_what_is_expired_is_purged_in_batches(process: Process, stored: Stored) -> None:
    ann, bob = await process.somebody(), await process.somebody("bob@example.org")
    await process.log_in(email="ann@example.org", password=PASSWORD, client=HERE)
    await stored.pass_time(6 * 24 * 3600)
    refreshed = await process.refresh(bob.tokens.refresh_token, client=HERE)
    await stored.pass_time(2 * 24 * 3600)

    assert [await process.purge(), await process.purge()] == [2, 0]

    assert await process.sign_ins(ann) == []
    await process.refresh(refreshed.tokens.refresh_token, client=HERE)

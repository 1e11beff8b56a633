"""Rotation of refresh tokens on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import os
from uuid import uuid4

import pytest

from domain.errors import Invalid, LimitExceeded, Unauthenticated
from domain.identity.entities import SignedIn, SignInKey
from domain.identity.refresh_tokens import RefreshTokens
from domain.identity.signing_keys import SigningKey
from tests.domain.identity.fakes import FakeHints
from tests.domain.identity.world import HERE, KEYS, Process
from tests.persistence.databases import Stored

NEW_KEY = SigningKey("k2", b"2" * 32)
WEEK_S = 7 * 24 * 3600


@pytest.fixture
def process(stored: Stored) -> Process:
    return Process(stored.database, stored.clock)


async def _refused(process: Process, token: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        await process.refresh(token, client=HERE)
    assert [field.path for field in refused.value.fields] == [("refreshToken",)]


async def _exchange(process: Process, signed_in: SignedIn) -> SignedIn:
    return await process.refresh(signed_in.tokens.refresh_token, client=HERE)


async def test_a_refresh_token_is_exchanged_for_new_tokens_of_the_same_sign_in(process: Process) -> None:
    first = await process.somebody()
    process.clock.advance(60)

    second = await _exchange(process, first)

    assert (second.user, second.sign_in_id) == (first.user, first.sign_in_id)
    assert second.tokens.refresh_token != first.tokens.refresh_token
    assert second.tokens.access_expires_at > first.tokens.access_expires_at
    await process.authenticator.authenticate(second.tokens.access_token)


async def test_a_refresh_token_works_for_seven_days_after_it_was_issued(
    process: Process, stored: Stored
) -> None:
    first = await process.somebody()
    await stored.pass_time(WEEK_S - 60)
    second = await _exchange(process, first)
    await stored.pass_time(WEEK_S - 60)
    third = await _exchange(process, second)

    await stored.pass_time(WEEK_S + 1)

    await _refused(process, third.tokens.refresh_token)
    assert process.hints.sent == []


async def test_a_rotation_is_a_use_of_the_sign_in(process: Process, stored: Stored) -> None:
    first = await process.somebody()
    await stored.pass_time(60)

    await _exchange(process, first)

    (sign_in,) = await process.sign_ins(first)
    assert (sign_in.last_used_at - sign_in.created_at).total_seconds() == pytest.approx(60, abs=5)


async def test_ten_rotations_of_one_token_at_once_give_one_successor(
    process: Process, stored: Stored
) -> None:
    first = await process.somebody()
    processes = [Process(stored.database, stored.clock) for _ in range(10)]

    outcomes = await asyncio.gather(*(_exchange(each, first) for each in processes))

    (successor,) = {outcome.tokens.refresh_token for outcome in outcomes}
    assert len({outcome.tokens.refresh_expires_at for outcome in outcomes}) == 1
    await process.refresh(successor, client=HERE)
    assert all(each.hints.sent == [] for each in processes)


async def test_a_lost_response_is_given_again_for_twenty_seconds(process: Process, stored: Stored) -> None:
    first = await process.somebody()
    lost = await _exchange(process, first)
    await stored.pass_time(17)

    again = await _exchange(process, first)

    assert again.tokens.refresh_token == lost.tokens.refresh_token
    await _exchange(process, again)


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_an_old_token_after_the_grace_ends_the_sign_in(
    process: Process, stored: Stored, elsewhere: bool
) -> None:
    first = await process.somebody()
    second = await _exchange(process, first)
    await stored.pass_time(21)
    thief = Process(stored.database, stored.clock) if elsewhere else process

    await _refused(thief, first.tokens.refresh_token)

    assert thief.hints.sent == [("revoked", {"sign_in_id": str(first.sign_in_id)})]
    await _refused(process, second.tokens.refresh_token)
    with pytest.raises(Unauthenticated):
        await thief.authenticator.authenticate(second.tokens.access_token)


async def test_a_token_of_any_earlier_rotation_ends_the_sign_in(process: Process) -> None:
    first = await process.somebody()
    second = await _exchange(process, first)
    third = await _exchange(process, second)

    await _refused(process, first.tokens.refresh_token)

    await _refused(process, third.tokens.refresh_token)
    assert len(process.hints.sent) == 1


async def test_reuse_in_one_sign_in_leaves_the_others(process: Process, stored: Stored) -> None:
    first, other = await process.somebody(), await process.somebody("bob@example.org")
    await _exchange(process, first)
    await stored.pass_time(21)

    await _refused(process, first.tokens.refresh_token)

    await _exchange(process, other)


@pytest.mark.parametrize("token", [None, "", "x", "x" * 107, "\ud800", "я" * 107, "A" * 10_000])
async def test_an_invented_token_changes_nothing(process: Process, token: str | None) -> None:
    first = await process.somebody()

    await _refused(process, token)

    assert process.hints.sent == []
    await _exchange(process, first)


async def test_a_token_of_a_family_that_never_was_is_refused(process: Process) -> None:
    first = await process.somebody()
    for key in (SignInKey(first.user.id, uuid4()), SignInKey(uuid4(), first.sign_in_id)):
        await _refused(process, process.refresh_tokens.first(key))

    await _exchange(process, first)


async def test_a_forged_token_of_a_family_does_not_end_it(process: Process) -> None:
    first = await process.somebody()
    forger = RefreshTokens([SigningKey("k1", b"guessed")], randomness=os.urandom)

    await _refused(process, forger.first(SignInKey(first.user.id, first.sign_in_id)))

    await _exchange(process, first)


async def test_a_new_key_logs_nobody_out(process: Process, stored: Stored) -> None:
    first = await process.somebody()
    rotated = Process(stored.database, stored.clock, keys=[NEW_KEY, *KEYS])

    await rotated.authenticator.authenticate(first.tokens.access_token)
    second = await _exchange(rotated, first)

    await _exchange(Process(stored.database, stored.clock, keys=[NEW_KEY]), second)


async def test_processes_with_old_and_new_keys_agree_on_a_successor(process: Process, stored: Stored) -> None:
    first = await process.somebody()
    updated = Process(stored.database, stored.clock, keys=[NEW_KEY, *KEYS])
    waiting = Process(stored.database, stored.clock, keys=[*KEYS, NEW_KEY])

    by_old, by_new = await _exchange(waiting, first), await _exchange(updated, first)

    assert by_old.tokens.refresh_token == by_new.tokens.refresh_token
    third = await _exchange(updated, by_new)
    assert (await _exchange(waiting, by_old)).tokens.refresh_token == third.tokens.refresh_token


async def test_a_successor_of_a_key_that_is_gone_asks_to_sign_in_again_and_revokes_nothing(
    process: Process, stored: Stored
) -> None:
    first = await process.somebody()
    second = await _exchange(process, first)
    replaced = Process(stored.database, stored.clock, keys=[NEW_KEY])

    await _refused(replaced, first.tokens.refresh_token)

    assert replaced.hints.sent == []
    await _exchange(replaced, second)


async def test_other_processes_hear_of_reuse(stored: Stored) -> None:
    hints = FakeHints()
    process, other = (Process(stored.database, stored.clock, hints=hints) for _ in range(2))
    first = await process.somebody()
    second = await _exchange(process, first)
    await stored.pass_time(21)
    following = asyncio.create_task(other.authenticator.follow_revocations())
    principal = await other.authenticator.authenticate(second.tokens.access_token)

    async with other.authenticator.watch(principal) as over, asyncio.timeout(60):
        await _refused(process, first.tokens.refresh_token)
        await over.wait()

    following.cancel()
    await asyncio.wait({following})


async def test_a_flood_of_refreshes_is_limited(process: Process) -> None:
    for _ in range(120):
        await _refused(process, None)

    with pytest.raises(LimitExceeded):
        await process.refresh(None, client=HERE)

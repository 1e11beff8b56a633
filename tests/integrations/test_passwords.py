"""Argon2 in its own threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher

from domain.errors import Unavailable
from integrations.passwords import Argon2Passwords, Cost

CHEAP = Cost(passes=1, memory_kib=8)


@pytest.fixture
async def passwords() -> AsyncIterator[Argon2Passwords]:
    passwords = Argon2Passwords(randomness=os.urandom, cost=CHEAP, max_waiting=3)
    yield passwords
    await passwords.close()


async def test_a_password_matches_its_own_hash_only(passwords: Argon2Passwords) -> None:
    hashed, again = await passwords.hash("correct horse"), await passwords.hash("correct horse")

    assert hashed != again
    assert hashed.startswith("$argon2id$")
    assert await passwords.verify("correct horse", hashed)
    assert not await passwords.verify("wrong horse", hashed)


async def test_an_unknown_user_runs_the_same_verification(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    original = PasswordHasher.verify

    def verify(hasher: PasswordHasher, hashed: str, password: str) -> bool:
        verified.append(hashed)
        return original(hasher, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    assert not await passwords.verify("correct horse", None)
    assert not await passwords.verify("correct horse", await passwords.hash("wrong horse"))

    assert [hashed.split("$")[:4] for hashed in verified] == [["", "argon2id", "v=19", "m=8,t=1,p=1"]] * 2


async def test_what_is_no_hash_matches_nothing(passwords: Argon2Passwords) -> None:
    assert not await passwords.verify("correct horse", "no hash")


async def test_who_comes_when_too_many_wait_is_asked_to_come_back(passwords: Argon2Passwords) -> None:
    outcomes = await asyncio.gather(
        *(passwords.hash("correct horse") for _ in range(10)), return_exceptions=True
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert len(refused) == 5  # two are hashed, three wait
    assert all(problem.retry_after_s for problem in refused)
    assert await passwords.hash("correct horse")


async def test_a_caller_that_gives_up_makes_room(passwords: Argon2Passwords) -> None:
    for _ in range(10):
        waiting = asyncio.create_task(passwords.hash("correct horse"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})

    assert await passwords.hash("correct horse")


def test_the_default_cost_is_not_below_what_is_recommended() -> None:
    assert (Cost().passes, Cost().memory_kib, Cost().lanes) == (2, 19_456, 1)

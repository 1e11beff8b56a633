"""Who asks, and when their sign-in ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from domain.errors import Unauthenticated, Unavailable
from domain.identity.authenticate import Authenticate
from domain.identity.entities import Principal, SignedIn
from domain.identity.standing import Standing
from domain.scopes import UserScope, UserTx
from tests.domain.identity.fakes import FakeHints
from tests.domain.identity.world import Process
from tests.persistence.databases import Stored

T = TypeVar("T")


@pytest.fixture
def hints() -> FakeHints:
    return FakeHints()


@pytest.fixture
def process(sqlite: Stored, hints: FakeHints) -> Process:
    return Process(sqlite.database, sqlite.clock, hints=hints)


@pytest.fixture
def other(sqlite: Stored, hints: FakeHints) -> Process:
    return Process(sqlite.database, sqlite.clock, hints=hints)


async def _principal(process: Process, signed_in: SignedIn) -> Principal:
    return await process.authenticator.authenticate(signed_in.tokens.access_token)


async def _log_out(process: Process, signed_in: SignedIn) -> None:
    principal = process.access.read(signed_in.tokens.access_token)
    await process.log_out(process.scope(signed_in), principal)


async def test_an_access_token_is_valid_for_thirty_minutes(process: Process) -> None:
    ann = await process.somebody()
    process.clock.advance(30 * 60 - 1)
    await _principal(process, ann)

    process.clock.advance(7)

    with pytest.raises(Unauthenticated):
        await _principal(process, ann)


async def test_sql_is_asked_once_in_thirty_seconds(process: Process, sqlite: Stored) -> None:
    ann = await process.somebody()
    await _principal(process, ann)
    await sqlite.database.close()

    process.clock.advance(29)
    await _principal(process, ann)

    process.clock.advance(2)
    with pytest.raises(RuntimeError):
        await _principal(process, ann)


async def test_another_process_refuses_at_the_latest_after_thirty_seconds(
    process: Process, other: Process
) -> None:
    ann = await process.somebody()
    await _principal(other, ann)
    await _log_out(process, ann)
    await _principal(other, ann)  # it heard nothing: nobody follows the hints there

    other.clock.advance(31)

    with pytest.raises(Unauthenticated):
        await _principal(other, ann)


async def test_another_process_refuses_at_once_when_it_hears_of_it(
    process: Process, other: Process, hints: FakeHints
) -> None:
    ann = await process.somebody()
    following = asyncio.create_task(other.authenticator.follow_revocations())
    principal = await _principal(other, ann)

    async with other.authenticator.watch(principal) as over:
        await hints.send("revoked", {"from": "a newer version"})
        await hints.send("revoked", {"sign_in_id": "no id"})
        await _log_out(process, ann)
        async with asyncio.timeout(60):
            await over.wait()

    with pytest.raises(Unauthenticated):
        await _principal(other, ann)
    following.cancel()
    await asyncio.wait({following})
    assert hints.listeners == 0


async def test_watching_what_is_over_already_tells_at_once(process: Process, other: Process) -> None:
    ann = await process.somebody()
    principal = process.access.read(ann.tokens.access_token)
    await _log_out(process, ann)

    async with process.authenticator.watch(principal) as over:
        assert over.is_set()
    async with other.authenticator.watch(principal) as over, asyncio.timeout(60):
        await over.wait()  # it had to ask


async def test_who_does_not_watch_any_more_hears_nothing(process: Process) -> None:
    ann = await process.somebody()
    principal = await _principal(process, ann)

    async with process.authenticator.watch(principal) as first:
        async with process.authenticator.watch(principal) as second:
            pass
        await _log_out(process, ann)

    assert (first.is_set(), second.is_set()) == (True, False)


async def test_a_watched_sign_in_is_asked_about_when_hints_are_lost(sqlite: Stored, process: Process) -> None:
    ann = await process.somebody()
    standing = Standing(monotonic_s=time.monotonic, live_for_s=0.01)
    deaf = Authenticate(
        access=process.access, scopes=process.scopes, hints=FakeHints(), standing=standing, retry_s=0.01
    )

    async with deaf.watch(await deaf.authenticate(ann.tokens.access_token)) as over:
        assert not over.is_set()
        await _log_out(process, ann)
        async with asyncio.timeout(60):
            await over.wait()


class _FailingScopes:
    """The first questions are not answered."""

    def __init__(self, process: Process, *, failures: int) -> None:
        self._process = process
        self.failures = failures

    def open(self, user_id: UUID) -> UserScope:
        return _FailingScope(self, self._process.scopes.open(user_id))


class _FailingScope:
    def __init__(self, scopes: _FailingScopes, scope: UserScope) -> None:
        self._scopes = scopes
        self._scope = scope

    @property
    def user_id(self) -> UUID:
        return self._scope.user_id

    async def read(self, work: Callable[[UserTx], T]) -> T:
        return await self._scope.read(work)

    async def read_once(self, work: Callable[[UserTx], T]) -> T:
        if self._scopes.failures:
            self._scopes.failures -= 1
            raise Unavailable("down")
        return await self._scope.read_once(work)

    async def write(self, work: Callable[[UserTx], T]) -> T:
        return await self._scope.write(work)

    async def aclose(self) -> None:
        await self._scope.aclose()


async def test_a_database_that_does_not_answer_neither_lets_in_nor_ends_what_is_watched(
    process: Process,
) -> None:
    ann = await process.somebody()
    standing = Standing(monotonic_s=process.clock.monotonic_s)
    failing = _FailingScopes(process, failures=3)
    authenticator = Authenticate(
        access=process.access, scopes=failing, hints=FakeHints(), standing=standing, retry_s=0.001
    )

    with pytest.raises(Unavailable):
        await authenticator.authenticate(ann.tokens.access_token)
    async with authenticator.watch(process.access.read(ann.tokens.access_token)) as over, asyncio.timeout(60):
        while failing.failures:
            await asyncio.sleep(0.001)
        assert not over.is_set()
    await authenticator.authenticate(ann.tokens.access_token)


async def test_a_revocation_that_is_heard_while_sql_is_asked_counts(process: Process) -> None:
    ann = await process.somebody()

    class Overtaken(_FailingScope):
        async def read_once(self, work: Callable[[UserTx], T]) -> T:
            seen = await super().read_once(work)
            process.standing.revoke([ann.sign_in_id])
            return seen

    class OvertakenScopes(_FailingScopes):
        def open(self, user_id: UUID) -> UserScope:
            return Overtaken(self, super().open(user_id))

    authenticator = Authenticate(
        access=process.access,
        scopes=OvertakenScopes(process, failures=0),
        hints=FakeHints(),
        standing=process.standing,
    )

    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(ann.tokens.access_token)


async def test_a_token_of_a_sign_in_that_never_was_is_refused(process: Process) -> None:
    ann, now = await process.somebody(), process.clock()
    for principal in (Principal(ann.user.id, uuid4(), now), Principal(uuid4(), ann.sign_in_id, now)):
        token = process.access.issue(principal, issued_at=now)
        with pytest.raises(Unauthenticated):
            await process.authenticator.authenticate(token)

    async with aclosing(process.scope(ann)) as scope:
        assert await scope.read(lambda tx: tx.identity.sign_in(ann.sign_in_id))

"""Signing in by password, link or token, and tokens that are renewed when it is time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from codelab_client import Client, Conflict, Invalid, Tokens, Unauthenticated
from codelab_client.sign_in import SignIn
from tests.clients.servers import PASSWORD, client_of, expiring
from tests.processes import CodelabProcess

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def test_a_link_signs_in(tmp_path: Path) -> None:
    async with CodelabProcess(tmp_path) as server, client_of(server.url) as client:
        link = (await server.printed(r"http://\S+#token=\S+"))[0]

        user = await client.redeem_sign_in_link(link)

        assert (await client.me()).id == user.id


async def test_a_program_goes_on_with_the_tokens_that_it_kept(server: CodelabProcess) -> None:
    kept: list[Tokens | None] = []
    async with client_of(server.url, on_tokens=kept.append) as first:
        user = await first.log_in("ada@example.com", PASSWORD)

    async with client_of(server.url, tokens=kept[-1]) as second:
        assert (await second.me()).id == user.id
        assert await second.log_out() == 1
        with pytest.raises(Unauthenticated):
            await second.me()


async def test_what_is_wrong_with_credentials_is_named(server: CodelabProcess, client: Client) -> None:
    async with client_of(server.url) as stranger:
        with pytest.raises(Conflict):
            await stranger.register("ada@example.com", PASSWORD)
        with pytest.raises(Invalid) as problem:
            await stranger.register("nobody", "short")

    assert {field.path for field in problem.value.fields} == {("email",), ("password",)}


async def test_requests_at_the_same_time_renew_an_expired_token_once(server: CodelabProcess) -> None:
    changes: list[Tokens | None] = []
    async with client_of(server.url) as signed_in:
        await signed_in.log_in("ada@example.com", PASSWORD)
        assert signed_in.tokens is not None
        stale = expiring(signed_in.tokens, after_s=-60)

    async with client_of(server.url, tokens=stale, on_tokens=changes.append) as client:
        users = await asyncio.gather(*(client.me() for _ in range(5)))

    assert len({user.id for user in users}) == 1
    assert len(changes) == 1


class Issuer:
    """Gives a new pair for each refresh token."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def __call__(self, refresh_token: str) -> Tokens:
        self.taken.append(refresh_token)
        await asyncio.sleep(0)
        if refresh_token == "ended":
            raise Invalid("Sign in again.")
        number = len(self.taken)
        return Tokens(f"access-{number}", NOON + timedelta(minutes=30), f"refresh-{number}", None)


def sign_in_at(now: datetime, issuer: Issuer, *, refresh_token: str | None = "refresh-0") -> SignIn:
    """A sign-in whose access token ends at noon."""
    return SignIn(issuer, clock=lambda: now, tokens=Tokens("access-0", NOON, refresh_token, None))


@pytest.mark.parametrize(("before_s", "token"), [(61, "access-0"), (60, "access-1"), (-5, "access-1")])
async def test_a_token_is_renewed_a_minute_before_it_ends(before_s: float, token: str) -> None:
    sign_in = sign_in_at(NOON - timedelta(seconds=before_s), Issuer())

    assert await sign_in.access_token() == token


async def test_a_token_that_was_renewed_meanwhile_is_not_renewed_again() -> None:
    issuer = Issuer()
    sign_in = sign_in_at(NOON, issuer)

    tokens = await asyncio.gather(*(sign_in.renewed("access-0") for _ in range(3)))

    assert tokens == ["access-1"] * 3
    assert issuer.taken == ["refresh-0"]


@pytest.mark.parametrize("refresh_token", [None, "ended"])
async def test_a_sign_in_that_has_ended_says_so(refresh_token: str | None) -> None:
    sign_in = sign_in_at(NOON, Issuer(), refresh_token=refresh_token)

    with pytest.raises(Unauthenticated):
        await sign_in.renewed("access-0")


async def test_who_signs_in_during_a_renewal_keeps_the_new_sign_in() -> None:
    sign_in = sign_in_at(NOON, Issuer())
    other = Tokens("of another user")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sign_in.renewed("access-0"))
        await asyncio.sleep(0)
        sign_in.change(other)

    assert sign_in.tokens == other


def test_tokens_are_not_printed() -> None:
    tokens = replace(Tokens("secret-a"), refresh_token="secret-b")

    assert "secret" not in repr(tokens)

"""Access tokens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Unauthenticated
from domain.identity.entities import Principal
from domain.identity.signing_keys import SigningKey
from integrations.tokens import JwtAccessTokens
from tests.clock import FakeClock

OLD, NEW = SigningKey("old", b"o" * 32), SigningKey("new", b"n" * 32)
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
ANN = Principal(uuid4(), uuid4(), NOW + timedelta(minutes=30))


def _tokens(*keys: SigningKey, now: datetime = NOW) -> JwtAccessTokens:
    return JwtAccessTokens(keys or [OLD], clock=FakeClock(now))


TOKEN = _tokens().issue(ANN, issued_at=NOW)


def test_a_token_names_who_it_was_issued_for() -> None:
    assert _tokens().read(TOKEN) == ANN


def test_a_token_says_what_the_specification_asks_for() -> None:
    header, claims = jwt.get_unverified_header(TOKEN), jwt.decode(TOKEN, options={"verify_signature": False})

    assert (header["alg"], header["kid"]) == ("HS256", "old")
    assert claims == {
        "sub": str(ANN.user_id),
        "sid": str(ANN.sign_in_id),
        "iat": NOW.timestamp(),
        "exp": NOW.timestamp() + 1800,
    }


@pytest.mark.parametrize(("late_s", "valid"), [(1799, True), (1804, True), (1805, False), (86_400, False)])
def test_a_token_expires_a_little_after_its_time(late_s: int, valid: bool) -> None:
    tokens = _tokens(now=NOW + timedelta(seconds=late_s))

    try:
        read = tokens.read(TOKEN) == ANN
    except Unauthenticated:
        read = False

    assert read is valid


def test_a_new_key_signs_and_the_old_one_still_verifies() -> None:
    rotated = _tokens(NEW, OLD)

    assert rotated.read(TOKEN) == ANN
    assert jwt.get_unverified_header(rotated.issue(ANN, issued_at=NOW))["kid"] == "new"
    with pytest.raises(Unauthenticated):
        _tokens(NEW).read(TOKEN)


def _made(
    *,
    kid: str | None = "old",
    secret: bytes | None = OLD.secret,
    algorithm: str = "HS256",
    changed: Mapping[str, object] | None = None,
) -> str:
    claims = {"sub": str(ANN.user_id), "sid": str(ANN.sign_in_id), "iat": 1, "exp": NOW.timestamp() + 9}
    present = {name: value for name, value in {**claims, **(changed or {})}.items() if value is not None}
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(present, secret, algorithm=algorithm, headers=headers)


def test_the_forgeries_below_would_be_accepted_if_they_were_none() -> None:
    assert _tokens().read(_made()).user_id == ANN.user_id


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "\ud800.a.b",
        TOKEN + "x",
        TOKEN[: TOKEN.rindex(".") + 1],
        TOKEN + " " * 3_000,
        _made(secret=NEW.secret),
        _made(kid="unknown"),
        _made(kid=None),
        _made(algorithm="HS512", secret=OLD.secret * 2),
        _made(algorithm="none", secret=None),
        *(_made(changed={claim: None}) for claim in ("sub", "sid", "iat", "exp")),
        _made(changed={"sub": "nobody"}),
        _made(changed={"sid": 7}),
        _made(changed={"exp": "soon"}),
        _made(changed={"exp": 10**30}),
    ],
)
def test_what_is_malformed_or_forged_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        _tokens().read(token)


@given(position=st.integers(0, len(TOKEN) - 2), character=st.sampled_from("abcXYZ019-_."))
def test_a_changed_token_is_refused(position: int, character: str) -> None:
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]

    if changed != TOKEN:
        with pytest.raises(Unauthenticated):
            _tokens().read(changed)

"""Refresh tokens by themselves."""

from __future__ import annotations

import os
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from domain.identity.entities import SignInKey
from domain.identity.refresh_tokens import TOKEN_LENGTH, RefreshTokens, token_hash
from domain.identity.signing_keys import SigningKey

OLD, NEW = SigningKey("old", b"o" * 32), SigningKey("new", b"n" * 32)
KEY = SignInKey(uuid4(), uuid4())
TOKENS = RefreshTokens([OLD], randomness=os.urandom)
TOKEN = TOKENS.first(KEY)


def test_a_token_is_recognised_as_its_familys() -> None:
    (successor,) = TOKENS.successors(KEY, TOKEN)

    assert TOKENS.recognise(TOKEN) == TOKENS.recognise(successor) == KEY
    assert {len(TOKEN), len(successor)} == {TOKEN_LENGTH}


def test_two_first_tokens_differ() -> None:
    assert TOKENS.first(KEY) != TOKENS.first(KEY)


def test_the_same_token_has_the_same_successor_and_another_one_another() -> None:
    assert [*TOKENS.successors(KEY, TOKEN)] == [*TOKENS.successors(KEY, TOKEN)]
    assert [*TOKENS.successors(KEY, TOKEN)] != [*TOKENS.successors(KEY, TOKENS.first(KEY))]


def test_a_successor_can_not_be_told_without_the_servers_key() -> None:
    thief = RefreshTokens([NEW], randomness=os.urandom)

    assert set(thief.successors(KEY, TOKEN)).isdisjoint(TOKENS.successors(KEY, TOKEN))


def test_an_older_key_still_tells_its_successors_and_recognises_its_tokens() -> None:
    rotated = RefreshTokens([NEW, OLD], randomness=os.urandom)

    assert next(TOKENS.successors(KEY, TOKEN)) in rotated.successors(KEY, TOKEN)
    assert next(rotated.successors(KEY, TOKEN)) not in TOKENS.successors(KEY, TOKEN)
    assert rotated.recognise(TOKEN) == KEY
    assert RefreshTokens([NEW], randomness=os.urandom).recognise(TOKEN) is None


@given(position=st.integers(0, TOKEN_LENGTH - 1), character=st.characters())
def test_a_changed_token_is_not_recognised(position: int, character: str) -> None:
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]

    assert TOKENS.recognise(changed) == (KEY if changed == TOKEN else None)


@given(st.text())
def test_anything_can_be_asked_about(text: str) -> None:
    assert TOKENS.recognise(text) is None
    assert len(token_hash(text)) == 64

"""The rules for addresses, passwords and names of clients."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.identity.credentials import (
    checked_credentials,
    checked_password,
    client_name,
    is_email,
    normal_email,
)

GOOD = "good password"


@pytest.mark.parametrize(
    "address",
    [
        "a@b",
        "you@codelab.localhost",
        "first.last+tag@sub.example.org",
        "почта@пример.рф",
        "a" * 242 + "@example.org",
    ],
)
def test_an_address_is_accepted(address: str) -> None:
    assert checked_credentials(address, GOOD).email.address == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@.b",
        "a@b..c",
        "a@b.",
        "a\u200b@b",
        "a\x00@b",
        "\ud800@b",
        "a" * 243 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_credentials(address, GOOD)

    assert [field.path for field in refused.value.fields] == [("email",)]


@pytest.mark.parametrize(("password", "good"), [("1234567", False), ("12345678", True), ("x" * 200, True)])
def test_a_password_is_long_enough(password: str, good: bool) -> None:
    try:
        accepted = checked_password(password, path="new") == password
    except Invalid:
        accepted = False

    assert accepted is good


@pytest.mark.parametrize("password", ["x" * 201, "\ud800" * 8, "1234567\0"])
def test_a_password_that_is_too_long_or_no_text_is_refused_under_its_path(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_password(password, path="new")

    assert [field.path for field in refused.value.fields] == [("new",)]


def test_a_password_is_the_same_however_its_characters_are_composed() -> None:
    assert checked_password("passw\u00f6rd", path="new") == checked_password("passwo\u0308rd", path="new")


def test_a_password_does_not_show_when_credentials_are_printed() -> None:
    assert GOOD not in repr(checked_credentials("a@b", GOOD))


@given(st.text())
def test_folding_an_address_again_changes_nothing(raw: str) -> None:
    once = normal_email(raw)

    assert normal_email(once.folded).folded == once.folded


@given(st.text())
def test_an_accepted_address_can_be_stored_and_has_one_at(raw: str) -> None:
    email = normal_email(raw + "@example.org")

    if is_email(email):
        assert email.address.encode()
        assert email.address.count("@") == 1
        assert not any(character.isspace() for character in email.address)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (None, None),
        ("", None),
        (" \n\0\ud800 ", None),
        ("Firefox\r\n/128 ", "Firefox/128"),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_client_is_named_by_the_printable_beginning_of_its_user_agent(
    user_agent: str | None, name: str | None
) -> None:
    assert client_name(user_agent) == name

"""The rules for email addresses, passwords and the names of clients."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from domain.errors import FieldProblem, Invalid
from domain.fields import Fields, is_storable
from domain.folding import composed, folded

MAX_EMAIL = 254
"""Characters of an address (RFC 5321's longest path, without its brackets)."""
MIN_PASSWORD = 8
MAX_PASSWORD = 200
MAX_CLIENT = 200

_ADDRESS = re.compile(r"[^\s@]+@[^\s@.]+(\.[^\s@.]+)*")


@dataclass(frozen=True, slots=True)
class Email:
    """An address as its owner writes it, and folded, as it is compared."""

    address: str
    folded: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """An address and a password that keep the rules."""

    email: Email
    password: str = field(repr=False)


def checked_credentials(email: str, password: str) -> Credentials:
    """Normalise and check what a new user gives.

    Raises:
        Invalid: with the paths `email` and `password`.
    """
    fields = Fields()
    credentials = Credentials(normal_email(email), normal_password(password))
    if message := _email_problem(credentials.email):
        fields.refuse(message, "email")
    if message := _password_problem(credentials.password):
        fields.refuse(message, "password")
    fields.check()
    return credentials


def checked_password(password: str, *, path: str) -> str:
    """Normalise and check a new password.

    Raises:
        Invalid: with this path.
    """
    normal = normal_password(password)
    if message := _password_problem(normal):
        raise Invalid(FieldProblem((path,), message))
    return normal


def normal_email(raw: str) -> Email:
    """The address without surrounding blanks, and its folded form; not checked."""
    address = composed(raw).strip()
    return Email(address, folded(address))


def normal_password(raw: str) -> str:
    """The password in NFC: the same characters typed on another keyboard are the same password."""
    return composed(raw)


def is_email(email: Email) -> bool:
    """Whether the address keeps the rules."""
    return _email_problem(email) is None


def is_password(normal: str) -> bool:
    """Whether a normalised password keeps the rules."""
    return _password_problem(normal) is None


def client_name(user_agent: str | None) -> str | None:
    """What to show of a client: printable characters of its User-Agent, shortened."""
    if user_agent is None:
        return None
    printable = "".join(character for character in user_agent if character.isprintable())
    return printable.strip()[:MAX_CLIENT] or None


def _email_problem(email: Email) -> str | None:
    if len(email.address) > MAX_EMAIL:
        return f"An email address has at most {MAX_EMAIL} characters."
    if not email.address.isprintable() or not _ADDRESS.fullmatch(email.address):
        return "This is not an email address."
    return None


def _password_problem(password: str) -> str | None:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters."
    if not is_storable(password):
        return "The password holds characters that are no text."
    return None

"""Ids as clients see them: a prefix that names the kind, and a UUIDv7 in Crockford's base 32 (TypeID)."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from typeid.base32 import decode as base32_decode
from typeid.base32 import encode as base32_encode


class Kind(StrEnum):
    """What an id is of."""

    USER = "usr"
    SIGN_IN = "sgn"
    PROJECT = "prj"
    AGENT = "agt"
    SESSION = "ses"
    MESSAGE = "msg"
    RUN = "run"
    MEMORY = "mem"


NOBODY = UUID(int=0)
"""What a malformed id, or one of another kind, means: an id that nothing has."""


def shown(kind: Kind, value: UUID) -> str:
    """The id as text."""
    return f"{kind}_{base32_encode(value.bytes)}"


def parsed(kind: Kind, text: str) -> UUID:
    """The UUID in an id; `NOBODY` when it is not an id of this kind, so that it behaves like an unknown one."""
    return maybe(kind, text) or NOBODY


def maybe(kind: Kind, text: str) -> UUID | None:
    """The UUID in an id, None when it is not an id of this kind."""
    prefix, _, suffix = text.partition("_")
    if prefix != kind or len(suffix) != 26 or not suffix.isascii():
        return None
    try:
        value = UUID(bytes=bytes(base32_decode(suffix)))
    except (ValueError, IndexError, KeyError, TypeError):
        return None
    return value if shown(kind, value) == text else None

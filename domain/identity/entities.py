"""Users, their sign-ins and preferences as they are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

ACCESS_TTL_S = 30 * 60
"""How long an access token is valid (spec S1)."""
REFRESH_TTL_S = 7 * 24 * 3600
"""How long a refresh token is valid; each rotation begins anew (spec S1)."""
REFRESH_GRACE_S = 20
"""How long the previous refresh token still gets the same successor: two tabs, a lost response."""
LINK_TTL_S = 10 * 60
"""How long a sign-in link can be redeemed."""


class Language(StrEnum):
    """Languages of the interface."""

    EN = "EN"
    RU = "RU"


class Theme(StrEnum):
    """Colours of the interface."""

    SYSTEM = "SYSTEM"
    LIGHT = "LIGHT"
    DARK = "DARK"


class SendKey(StrEnum):
    """The key that sends a message."""

    ENTER = "ENTER"
    CTRL_ENTER = "CTRL_ENTER"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a user chose; `approval_timeout_s` None means the risk's own default."""

    language: Language = Language.EN
    theme: Theme = Theme.SYSTEM
    send_key: SendKey = SendKey.ENTER
    auto_approve_low_risk: bool = True
    approval_timeout_s: int | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A person. Their id is never an input of the API."""

    id: UUID
    email: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """One log-in of one client: the family of refresh tokens that followed from it."""

    id: UUID
    client: str | None
    created_at: datetime
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, proved by an access token."""

    user_id: UUID
    sign_in_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets when it signs in; the refresh token is valid once."""

    access_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The outcome of every way in: who it is, and the tokens of their sign-in."""

    user: User
    sign_in_id: UUID
    tokens: Tokens = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignInKey:
    """Where a sign-in lies; not a proof of anything."""

    user_id: UUID
    sign_in_id: UUID


@dataclass(frozen=True, slots=True)
class LinkKey:
    """Where a sign-in link lies; not a proof of anything."""

    user_id: UUID
    link_id: UUID


@dataclass(frozen=True, slots=True)
class TokenFamily:
    """The refresh tokens of a live sign-in; `in_grace` while the previous one may still be presented."""

    token_hash: str
    previous_hash: str | None
    in_grace: bool
    expires_at: datetime

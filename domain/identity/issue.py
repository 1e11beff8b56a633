"""Issuing tokens: what every way in has in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from domain.identity.credentials import client_name
from domain.identity.entities import ACCESS_TTL_S, Principal, SignedIn, SignInKey, Tokens, User
from domain.identity.ports import AccessTokens
from domain.identity.refresh_tokens import RefreshTokens, token_hash
from domain.ports import Clock, NewId
from domain.scopes import UserTx


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from."""

    ip: str
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The present refresh token of a stored sign-in."""

    sign_in_id: UUID
    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class NewSignIn:
    """A sign-in that is about to be stored."""

    key: SignInKey
    refresh_token: str = field(repr=False)
    client: str | None

    def store(self, tx: UserTx) -> RefreshToken:
        """Insert it."""
        sign_in_id, hashed = self.key.sign_in_id, token_hash(self.refresh_token)
        expires_at = tx.identity.add_sign_in(sign_in_id, token_hash=hashed, client=self.client)
        return RefreshToken(sign_in_id, self.refresh_token, expires_at)


class Issuer:
    """Makes new sign-ins and the tokens that their clients get."""

    def __init__(self, *, access: AccessTokens, refresh: RefreshTokens, clock: Clock, new_id: NewId) -> None:
        self._access = access
        self._refresh = refresh
        self._clock = clock
        self._new_id = new_id

    def new_sign_in(self, user_id: UUID, client: Client) -> NewSignIn:
        """A sign-in with its first refresh token."""
        key = SignInKey(user_id, self._new_id())
        return NewSignIn(key, self._refresh.first(key), client_name(client.user_agent))

    def signed_in(self, user: User, refresh: RefreshToken) -> SignedIn:
        """The tokens of a sign-in that is stored, with a fresh access token."""
        now = self._clock().replace(microsecond=0)
        principal = Principal(user.id, refresh.sign_in_id, now + timedelta(seconds=ACCESS_TTL_S))
        access_token = self._access.issue(principal, issued_at=now)
        tokens = Tokens(access_token, principal.expires_at, refresh.token, refresh.expires_at)
        return SignedIn(user, refresh.sign_in_id, tokens)

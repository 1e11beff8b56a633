"""Access tokens as JWT, signed with HS256."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

from domain.errors import Unauthenticated
from domain.identity.entities import Principal
from domain.identity.signing_keys import KeyRing
from domain.ports import Clock

ALGORITHM = "HS256"
LEEWAY = timedelta(seconds=5)
"""How far the clocks of processes may differ."""
MAX_LENGTH = 2_048
"""Characters of a token that are looked at; ours have about 300."""
CLAIMS = ("sub", "sid", "iat", "exp")
REMEMBERED = 1_000
"""Verified tokens that are known by sight: a client sends the same one for half an hour (measured: 0.1 ms each time)."""


class JwtAccessTokens:
    """Signs with the first key of the ring; verifies with the one that the token's `kid` names."""

    def __init__(self, keys: KeyRing, *, clock: Clock) -> None:
        self._signing = keys[0]
        self._secrets = {key.kid: key.secret for key in keys}
        self._clock = clock
        self._verified: OrderedDict[str, Principal] = OrderedDict()

    def issue(self, principal: Principal, *, issued_at: datetime) -> str:
        """A token with the claims sub, sid, iat, exp."""
        claims = {
            "sub": str(principal.user_id),
            "sid": str(principal.sign_in_id),
            "iat": int(issued_at.timestamp()),
            "exp": int(principal.expires_at.timestamp()),
        }
        return jwt.encode(
            claims, self._signing.secret, algorithm=ALGORITHM, headers={"kid": self._signing.kid}
        )

    def read(self, token: str) -> Principal:
        """Who the token names."""
        principal = self._verified.get(token) or self._remembered(token)
        if principal.expires_at + LEEWAY <= self._clock():
            raise Unauthenticated("The access token has expired.")
        return principal

    def _remembered(self, token: str) -> Principal:
        try:
            principal = self._verify(token)
        except (jwt.InvalidTokenError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise Unauthenticated from error
        self._verified[token] = principal
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)
        return principal

    def _verify(self, token: str) -> Principal:
        if len(token) > MAX_LENGTH:
            raise ValueError("too long")
        secret = self._secrets[jwt.get_unverified_header(token)["kid"]]
        options: jwt.types.Options = {
            "require": list(CLAIMS),
            "verify_exp": False,  # by our own clock, in `read`
            "verify_iat": False,
        }
        claims = jwt.decode(token, secret, algorithms=[ALGORITHM], options=options)
        expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC)
        return Principal(UUID(str(claims["sub"])), UUID(str(claims["sid"])), expires_at)

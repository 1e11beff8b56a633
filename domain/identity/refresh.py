"""Exchanging a refresh token for new tokens, once; presenting an old one ends the sign-in."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.errors import FieldProblem, Invalid
from domain.identity.entities import SignedIn, TokenFamily, User
from domain.identity.issue import Client, Issuer, RefreshToken
from domain.identity.ports import Directory, IdentityRows
from domain.identity.refresh_tokens import RefreshTokens, token_hash
from domain.identity.standing import Standing, announce_revoked
from domain.identity.throttle import Throttle, subject_of_ip
from domain.scopes import Scopes, UserTx


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What a presented token may become; `successors` as `RefreshTokens` orders them."""

    sign_in_id: UUID
    presented: str
    successors: tuple[str, ...]

    def rotated(self, rows: IdentityRows) -> RefreshToken | None:
        """The successor of the present token."""
        issued = self.successors[0]
        expires_at = rows.rotate(self.sign_in_id, presented=self.presented, successor=token_hash(issued))
        return None if expires_at is None else RefreshToken(self.sign_in_id, issued, expires_at)

    def repeated(self, family: TokenFamily) -> RefreshToken | None:
        """The successor that was given out before.

        None when it was made with a server key that is gone since: then it can't be told again, and the
        client signs in anew.
        """
        for token in self.successors:
            if token_hash(token) == family.token_hash:
                return RefreshToken(self.sign_in_id, token, family.expires_at)
        return None


class _Reused:
    """The family was revoked."""


class Refresh:
    """Rotates refresh tokens.

    The rotation is one conditional change, so that of several at once exactly one happens and the
    others find its outcome: the previous token gets the same successor for 20 seconds. Any other token
    that was once issued for a live sign-in was stolen, or its successor was: the sign-in ends.
    """

    def __init__(
        self,
        *,
        scopes: Scopes,
        directory: Directory,
        issuer: Issuer,
        tokens: RefreshTokens,
        standing: Standing,
        per_ip: Throttle,
    ) -> None:
        self._scopes = scopes
        self._directory = directory
        self._issuer = issuer
        self._tokens = tokens
        self._standing = standing
        self._per_ip = per_ip

    async def __call__(self, token: str | None, *, client: Client) -> SignedIn:
        """Exchange a token.

        Raises:
            Invalid: it is missing, unknown, expired, reused or of an ended sign-in; the same for all.
            LimitExceeded: too many attempts from this IP.
            Unavailable: the database does not answer; the token may be presented again.
        """
        await self._per_ip.admit(subject_of_ip(client.ip))
        if not token:
            raise _useless()
        presented = token_hash(token)
        key = await self._directory.sign_in_by_refresh_token(presented) or self._tokens.recognise(token)
        if key is None:
            raise _useless()
        exchange = _Exchange(key.sign_in_id, presented, tuple(self._tokens.successors(key, token)))
        outcome = await self._scopes.open(key.user_id).write(lambda tx: _exchange(tx, exchange))
        if isinstance(outcome, _Reused):
            self._standing.revoke([key.sign_in_id])
        if outcome is None or isinstance(outcome, _Reused):
            raise _useless()
        return self._issuer.signed_in(*outcome)


def _exchange(tx: UserTx, exchange: _Exchange) -> tuple[User, RefreshToken] | _Reused | None:
    user = tx.identity.user()
    if user is None:
        return None
    if rotated := exchange.rotated(tx.identity):
        return user, rotated
    family = tx.identity.token_family(exchange.sign_in_id)
    if family is None:
        return None
    if family.previous_hash == exchange.presented and family.in_grace:
        repeated = exchange.repeated(family)
        return None if repeated is None else (user, repeated)
    tx.identity.revoke(exchange.sign_in_id)
    announce_revoked(tx, [exchange.sign_in_id])
    return _Reused()


def _useless() -> Invalid:
    return Invalid(
        FieldProblem(("refreshToken",), "This refresh token is not valid (any more). Sign in again.")
    )

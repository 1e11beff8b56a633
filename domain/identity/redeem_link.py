"""Signing in with a one-time link."""

from __future__ import annotations

from domain.errors import FieldProblem, Invalid
from domain.identity.entities import SignedIn, User
from domain.identity.issue import Client, Issuer, RefreshToken
from domain.identity.ports import Directory
from domain.identity.refresh_tokens import token_hash
from domain.identity.throttle import Throttle, subject_of_ip
from domain.scopes import Scopes, UserTx


class RedeemLink:
    """Signs in whoever holds the token of an unused link."""

    def __init__(self, *, scopes: Scopes, directory: Directory, issuer: Issuer, per_ip: Throttle) -> None:
        self._scopes = scopes
        self._directory = directory
        self._issuer = issuer
        self._per_ip = per_ip

    async def __call__(self, token: str, *, client: Client) -> SignedIn:
        """Use a link up.

        Raises:
            Invalid: the link is unknown, was used or has expired; the same for all.
            LimitExceeded: too many attempts from this IP.
            Unavailable: the database does not answer.
        """
        await self._per_ip.admit(subject_of_ip(client.ip))
        key = await self._directory.link_by_token(token_hash(token))
        if key is None:
            raise _useless()
        new = self._issuer.new_sign_in(key.user_id, client)

        def work(tx: UserTx) -> tuple[User, RefreshToken] | None:
            user = tx.identity.user()
            if user is None or not tx.identity.redeem_link(key.link_id):
                return None
            return user, new.store(tx)

        outcome = await self._scopes.open(key.user_id).write(work)
        if outcome is None:
            raise _useless()
        return self._issuer.signed_in(*outcome)


def _useless() -> Invalid:
    return Invalid(
        FieldProblem(("token",), "This link was used or has expired. Restart CodeLab to get a new one.")
    )

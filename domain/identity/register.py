"""Registering: a new user, signed in."""

from __future__ import annotations

from domain.identity.credentials import checked_credentials
from domain.identity.entities import SignedIn, User
from domain.identity.issue import Client, Issuer, RefreshToken
from domain.identity.ports import PasswordHashes
from domain.identity.throttle import Throttle, subject_of_ip
from domain.ports import NewId
from domain.scopes import Scopes, UserTx


class Register:
    """Adds a user and signs them in."""

    def __init__(
        self, *, scopes: Scopes, passwords: PasswordHashes, issuer: Issuer, per_ip: Throttle, new_id: NewId
    ) -> None:
        self._scopes = scopes
        self._passwords = passwords
        self._issuer = issuer
        self._per_ip = per_ip
        self._new_id = new_id

    async def __call__(self, *, email: str, password: str, client: Client) -> SignedIn:
        """Register an address; that one is taken is told (limited per IP).

        Raises:
            Invalid: the address or the password breaks a rule.
            Conflict: the address is taken.
            LimitExceeded: too many attempts from this IP.
            Unavailable: the database, or too many passwords wait to be hashed.
        """
        credentials = checked_credentials(email, password)
        await self._per_ip.admit(subject_of_ip(client.ip))
        hashed = await self._passwords.hash(credentials.password)
        user_id = self._new_id()
        new = self._issuer.new_sign_in(user_id, client)

        def work(tx: UserTx) -> tuple[User, RefreshToken]:
            return tx.identity.add_user(credentials.email, password_hash=hashed), new.store(tx)

        user, refresh = await self._scopes.open(user_id).write(work)
        return self._issuer.signed_in(user, refresh)

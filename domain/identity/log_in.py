"""Logging in with an address and a password."""

from __future__ import annotations

from domain.errors import FieldProblem, Invalid
from domain.identity.credentials import is_email, is_password, normal_email, normal_password
from domain.identity.entities import SignedIn, User
from domain.identity.issue import Client, Issuer, RefreshToken
from domain.identity.ports import Directory, PasswordHashes
from domain.identity.throttle import Throttle, subject_of_email, subject_of_ip
from domain.ports import NewId
from domain.scopes import Scopes, UserTx


class LogIn:
    """Signs a registered user in.

    An unknown address and a wrong password run the same statements and the same slow hash, and get
    the same answer.
    """

    def __init__(
        self,
        *,
        scopes: Scopes,
        directory: Directory,
        passwords: PasswordHashes,
        issuer: Issuer,
        per_ip: Throttle,
        per_email: Throttle,
        new_id: NewId,
    ) -> None:
        self._scopes = scopes
        self._directory = directory
        self._passwords = passwords
        self._issuer = issuer
        self._per_ip = per_ip
        self._per_email = per_email
        self._new_id = new_id

    async def __call__(self, *, email: str, password: str, client: Client) -> SignedIn:
        """Log in.

        Raises:
            Invalid: the address or the password is wrong; never says which.
            LimitExceeded: too many attempts from this IP or for this address.
            Unavailable: the database, or too many passwords wait to be hashed.
        """
        found = normal_email(email)
        await self._per_ip.admit(subject_of_ip(client.ip))
        await self._per_email.admit(subject_of_email(found.folded))
        user_id = await self._directory.user_by_email(found.folded) if is_email(found) else None
        scope = self._scopes.open(user_id or self._new_id())
        hashed = await scope.read_once(lambda tx: tx.identity.password_hash())
        if not await self._matches(password, hashed):
            raise _wrong()
        new = self._issuer.new_sign_in(scope.user_id, client)

        def work(tx: UserTx) -> tuple[User, RefreshToken] | None:
            user = tx.identity.lock()
            if user is None or tx.identity.password_hash() != hashed:
                return None  # the password was changed while this one was being verified
            return user, new.store(tx)

        outcome = await scope.write(work)
        if outcome is None:
            raise _wrong()
        return self._issuer.signed_in(*outcome)

    async def _matches(self, password: str, hashed: str | None) -> bool:
        normal = normal_password(password)
        possible = is_password(normal)
        return await self._passwords.verify(normal if possible else "", hashed if possible else None)


def _wrong() -> Invalid:
    return Invalid(FieldProblem(("password",), "The email address or the password is wrong."))

"""Changing the password, which ends all other sign-ins."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domain.errors import FieldProblem, Invalid
from domain.identity.credentials import checked_password, is_password, normal_password
from domain.identity.entities import Principal, User
from domain.identity.ports import PasswordHashes
from domain.identity.standing import Standing, announce_revoked
from domain.identity.throttle import Throttle
from domain.scopes import UserScope, UserTx


class ChangePassword:
    """Replaces a password, or sets the first one of a user who came in by a link."""

    def __init__(self, *, passwords: PasswordHashes, standing: Standing, per_user: Throttle) -> None:
        self._passwords = passwords
        self._standing = standing
        self._per_user = per_user

    async def __call__(self, scope: UserScope, principal: Principal, *, current: str, new: str) -> User:
        """Change the password and end every sign-in but the one that asks.

        A user without a password gives an empty `current`.

        Raises:
            Invalid: `current` is wrong, or `new` breaks a rule.
            LimitExceeded: too many attempts of this user.
            Unavailable: the database, or too many passwords wait to be hashed.
        """
        checked = checked_password(new, path="new")
        await self._per_user.admit(str(scope.user_id))
        old = await scope.read_once(lambda tx: tx.identity.password_hash())
        if not await self._is_current(current, old):
            raise _wrong()
        hashed = await self._passwords.hash(checked)

        def work(tx: UserTx) -> tuple[User, Sequence[UUID]] | None:
            user = tx.identity.user()
            if user is None or not tx.identity.change_password(hashed, replacing=old):
                return None
            ended = tx.identity.revoke_all(but=principal.sign_in_id)
            announce_revoked(tx, ended)
            return user, ended

        outcome = await scope.write(work)
        if outcome is None:
            raise _wrong()
        user, ended = outcome
        self._standing.revoke(ended)
        return user

    async def _is_current(self, current: str, old: str | None) -> bool:
        if old is None:
            return current == ""
        normal = normal_password(current)
        return is_password(normal) and await self._passwords.verify(normal, old)


def _wrong() -> Invalid:
    return Invalid(FieldProblem(("current",), "This is not the current password."))

"""Signing out, here or everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domain.identity.entities import Principal
from domain.identity.standing import Standing, announce_revoked
from domain.scopes import UserScope, UserTx


class LogOut:
    """Ends sign-ins of the user who asks."""

    def __init__(self, *, standing: Standing) -> None:
        self._standing = standing

    async def __call__(self, scope: UserScope, principal: Principal, *, everywhere: bool = False) -> int:
        """End the present sign-in, or all of the user's; returns how many ended.

        Raises:
            Unavailable: the database does not answer.
        """

        def work(tx: UserTx) -> Sequence[UUID]:
            ended: Sequence[UUID]
            if everywhere:
                ended = tx.identity.revoke_all()
            else:
                ended = [principal.sign_in_id] if tx.identity.revoke(principal.sign_in_id) else []
            announce_revoked(tx, ended)
            return ended

        ended = await scope.write(work)
        self._standing.revoke(ended)
        return len(ended)

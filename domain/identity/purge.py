"""Deleting sign-ins that nobody can use any more."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from uuid import UUID

from domain.identity.ports import Directory
from domain.scopes import Scopes

BATCH = 200


class PurgeSignIns:
    """Deletes expired sign-ins, revoked or not; called now and then."""

    def __init__(self, *, scopes: Scopes, directory: Directory) -> None:
        self._scopes = scopes
        self._directory = directory

    async def __call__(self) -> int:
        """Delete one batch; returns how many were deleted, 0 when none is left.

        Raises:
            Unavailable: the database does not answer.
        """
        keys = await self._directory.expired_sign_ins(limit=BATCH)
        by_user = groupby(sorted(keys, key=lambda key: key.user_id), key=lambda key: key.user_id)
        owned = [(user_id, [key.sign_in_id for key in group]) for user_id, group in by_user]
        return sum([await self._purge(user_id, ids) for user_id, ids in owned])

    async def _purge(self, user_id: UUID, ids: Collection[UUID]) -> int:
        return await self._scopes.open(user_id).write(lambda tx: tx.identity.purge_sign_ins(ids))

"""The one-time link that the embedded start prints: it signs the first user in without a password."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from domain.errors import Conflict
from domain.identity.credentials import normal_email
from domain.identity.ports import Directory, Randomness
from domain.identity.refresh_tokens import token_hash
from domain.ports import NewId
from domain.scopes import Scopes, UserTx

FIRST_EMAIL = "you@codelab.localhost"
"""The address of the user whom the first start makes."""
LINK_BYTES = 32


@dataclass(frozen=True, slots=True)
class SignInLink:
    """The token to put into the link's fragment; valid once, for ten minutes."""

    user_id: UUID
    token: str = field(repr=False)


class MakeSignInLink:
    """Makes sign-in links for the first user.

    `welcome` runs in the transaction that makes that user: what they find when they come in first.
    """

    def __init__(
        self,
        *,
        scopes: Scopes,
        directory: Directory,
        new_id: NewId,
        randomness: Randomness,
        welcome: Callable[[UserTx], None],
    ) -> None:
        self._scopes = scopes
        self._directory = directory
        self._new_id = new_id
        self._randomness = randomness
        self._welcome = welcome

    async def __call__(self) -> SignInLink:
        """Make a link for the first user, who is added when there are no users.

        Raises:
            Unavailable: the database does not answer.
        """
        user_id = await self._directory.first_user() or await self._add_first_user()
        token = base64.urlsafe_b64encode(self._randomness(LINK_BYTES)).rstrip(b"=").decode()
        link_id = self._new_id()
        await self._scopes.open(user_id).write(
            lambda tx: tx.identity.add_link(link_id, token_hash=token_hash(token))
        )
        return SignInLink(user_id, token)

    async def _add_first_user(self) -> UUID:
        def work(tx: UserTx) -> None:
            tx.identity.add_user(normal_email(FIRST_EMAIL), password_hash=None)
            self._welcome(tx)

        user_id = self._new_id()
        try:
            await self._scopes.open(user_id).write(work)
        except Conflict:  # another process was faster
            return await self._directory.first_user() or user_id
        return user_id

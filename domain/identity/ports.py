"""What identity asks of its rows (statements of the open transaction) and of its surroundings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.identity.credentials import Email
from domain.identity.entities import LinkKey, Preferences, Principal, SignIn, SignInKey, TokenFamily, User

Randomness = Callable[[int], bytes]
"""That many unpredictable bytes."""


class IdentityRows(Protocol):
    """The user's own row, preferences and sign-ins."""

    def user(self) -> User | None:
        """The user, unless deleted."""

    def lock(self) -> User | None:
        """The user, unless deleted; other changes of the user wait for this transaction."""

    def add_user(self, email: Email, *, password_hash: str | None) -> User:
        """Insert the user. Raises Conflict when the address is taken."""

    def password_hash(self) -> str | None:
        """The hash; None without a password or user."""

    def change_password(self, password_hash: str, *, replacing: str | None) -> bool:
        """Change the hash; False when `replacing` is not the present one any more."""

    def preferences(self) -> Preferences:
        """As saved, or the defaults."""

    def save_preferences(self, preferences: Preferences) -> None:
        """Insert or change; the user is locked."""

    def add_sign_in(self, sign_in_id: UUID, *, token_hash: str, client: str | None) -> datetime:
        """Insert a sign-in with its first refresh token; returns when that expires."""

    def sign_ins(self) -> Sequence[SignIn]:
        """Live sign-ins, the last used first."""

    def sign_in(self, sign_in_id: UUID) -> SignIn | None:
        """A sign-in that is neither revoked nor expired, of a user who is not deleted."""

    def rotate(self, sign_in_id: UUID, *, presented: str, successor: str) -> datetime | None:
        """Replace the present refresh token of a live sign-in, by hashes, in one conditional change.

        Returns when the successor expires; None when `presented` is not the present one.
        """

    def token_family(self, sign_in_id: UUID) -> TokenFamily | None:
        """The refresh tokens of a live sign-in."""

    def revoke(self, sign_in_id: UUID) -> bool:
        """End a live sign-in; False when there is none."""

    def revoke_all(self, *, but: UUID | None = None) -> Sequence[UUID]:
        """End every live sign-in, or all but one; returns those that were ended."""

    def purge_sign_ins(self, ids: Collection[UUID]) -> int:
        """Delete those that are expired; returns how many."""

    def add_link(self, link_id: UUID, *, token_hash: str) -> None:
        """Insert a sign-in link and forget the expired ones."""

    def redeem_link(self, link_id: UUID) -> bool:
        """Use a link up; False when it was used before or is expired."""


class Directory(Protocol):
    """Finds owners before there is an owner; returns keys, and everything else happens in the owner's scope."""

    async def user_by_email(self, email_folded: str) -> UUID | None:
        """The visible user with this address (folded)."""

    async def first_user(self) -> UUID | None:
        """The visible user who was there first."""

    async def sign_in_by_refresh_token(self, token_hash: str) -> SignInKey | None:
        """The sign-in whose present or previous refresh token has this hash."""

    async def link_by_token(self, token_hash: str) -> LinkKey | None:
        """The sign-in link with this hash, whatever its state."""

    async def expired_sign_ins(self, *, limit: int) -> Sequence[SignInKey]:
        """Sign-ins whose last refresh token has expired, the oldest first."""


class PasswordHashes(Protocol):
    """Hashes passwords slowly, away from the event loop, with a bound on how many wait."""

    async def hash(self, password: str) -> str:
        """A salted hash.

        Raises:
            Unavailable: too many passwords wait to be hashed.
        """

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the hash is the password's. None costs the same time and is False.

        Raises:
            Unavailable: too many passwords wait to be hashed.
        """


class AccessTokens(Protocol):
    """Signs and reads access tokens."""

    def issue(self, principal: Principal, *, issued_at: datetime) -> str:
        """A token that says who asks, until `principal.expires_at` (whole seconds)."""

    def read(self, token: str) -> Principal:
        """Who the token names.

        Raises:
            Unauthenticated: it is malformed, forged or expired.
        """

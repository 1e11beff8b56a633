"""Tables of users and their sign-ins."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import SQLModel

from domain.identity.entities import Language, SendKey, Theme
from persistence.tables.columns import flag, integer, key, one_of, references, text, time
from persistence.tables.metadata import table_of


class UserRow(SQLModel, table=True):
    """A person; the only table whose own key is the owner."""

    __tablename__ = "users"
    __table_args__ = (
        sa.Index(
            "uq_users_email_folded",
            "email_folded",
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        ),
    )
    user_id: UUID = key()
    email: str = text()
    email_folded: str = text()
    password_hash: str | None = text(nullable=True)
    created_at: datetime = time()
    deleted_at: datetime | None = time(nullable=True)


class PreferencesRow(SQLModel, table=True):
    """What a user chose; no row means the defaults."""

    __tablename__ = "preferences"
    __table_args__ = (
        references("user_id", to="users(user_id)"),
        one_of("language", Language),
        one_of("theme", Theme),
        one_of("send_key", SendKey),
    )
    user_id: UUID = key()
    language: str = text()
    theme: str = text()
    send_key: str = text()
    auto_approve_low_risk: bool = flag(default=True)
    approval_timeout_s: int | None = integer(nullable=True)


class SignInRow(SQLModel, table=True):
    """A family of refresh tokens; holds hashes of the present token and of the one before it."""

    __tablename__ = "sign_ins"
    __table_args__ = (
        references("user_id", to="users(user_id)"),
        sa.Index("ix_sign_ins_expires_at", "expires_at"),
        sa.Index("uq_sign_ins_token_hash", "token_hash", unique=True),
        sa.Index("ix_sign_ins_previous_hash", "previous_hash"),
    )
    user_id: UUID = key()
    id: UUID = key()
    client: str | None = text(nullable=True)
    token_hash: str = text()
    previous_hash: str | None = text(nullable=True)
    rotated_at: datetime | None = time(nullable=True)
    created_at: datetime = time()
    last_used_at: datetime = time()
    expires_at: datetime = time()
    revoked_at: datetime | None = time(nullable=True)


class SignInLinkRow(SQLModel, table=True):
    """A one-time link that signs its user in; only the hash of its token is kept."""

    __tablename__ = "sign_in_links"
    __table_args__ = (
        references("user_id", to="users(user_id)"),
        sa.Index("uq_sign_in_links_token_hash", "token_hash", unique=True),
    )
    user_id: UUID = key()
    id: UUID = key()
    token_hash: str = text()
    expires_at: datetime = time()
    redeemed_at: datetime | None = time(nullable=True)


users = table_of(UserRow)
preferences = table_of(PreferencesRow)
sign_ins = table_of(SignInRow)
sign_in_links = table_of(SignInLinkRow)

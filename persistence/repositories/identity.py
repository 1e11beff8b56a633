"""Statements on a user's own row, preferences, sign-ins and sign-in links."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from domain.identity.entities import (
    LINK_TTL_S,
    REFRESH_GRACE_S,
    REFRESH_TTL_S,
    Language,
    Preferences,
    SendKey,
    SignIn,
    Theme,
    TokenFamily,
    User,
)
from persistence.conflicts import conflict_on
from persistence.statements import after, any_of, delete, join, now, param, seconds, select, update
from persistence.tables.identity import preferences, sign_in_links, sign_ins, users

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from domain.identity.credentials import Email
    from persistence.statements import Rows

TAKEN = "This email address is registered already. Log in instead."

_VISIBLE = users.c.deleted_at.is_(None)
_LIVE = sa.and_(sign_ins.c.revoked_at.is_(None), sign_ins.c.expires_at > now())
_SIGN_IN = (sign_ins.c.id, sign_ins.c.client, sign_ins.c.created_at, sign_ins.c.last_used_at)
_CHOSEN = (
    preferences.c.language,
    preferences.c.theme,
    preferences.c.send_key,
    preferences.c.auto_approve_low_risk,
    preferences.c.approval_timeout_s,
)

_USER = select(users.c.user_id, users.c.email, users.c.created_at, project=False).where(_VISIBLE)
_PASSWORD = select(users.c.password_hash, project=False).where(_VISIBLE)
_LOCK = _USER.with_for_update()
_CHANGE_PASSWORD = (
    update(users, project=False)
    .where(_VISIBLE, users.c.password_hash.is_not_distinct_from(param("replacing", sa.Text)))
    .values(password_hash=param("password_hash", sa.Text))
)

_PREFERENCES = select(*_CHOSEN, project=False)
_SAVE_PREFERENCES = update(preferences, project=False).values({c: param(c.name, c.type) for c in _CHOSEN})

_DEADLINE = select(after(seconds()).label("at"), project=False)
_SIGN_INS = (
    select(*_SIGN_IN, project=False)
    .where(_LIVE)
    .order_by(sign_ins.c.last_used_at.desc(), sign_ins.c.id.desc())
)
_LIVE_SIGN_IN = select(
    *_SIGN_IN,
    source=join(sign_ins, users, users.c.user_id == sign_ins.c.user_id),
    project=False,
).where(sign_ins.c.id == param("id"), _LIVE, _VISIBLE)
_ROTATE = (
    update(sign_ins, project=False)
    .where(sign_ins.c.id == param("id"), sign_ins.c.token_hash == param("presented"), _LIVE)
    .values(
        token_hash=param("successor"),
        previous_hash=param("presented"),
        rotated_at=now(),
        last_used_at=now(),
        expires_at=after(seconds()),
    )
    .returning(sign_ins.c.expires_at)
)
_FAMILY = select(
    sign_ins.c.token_hash,
    sign_ins.c.previous_hash,
    (sign_ins.c.rotated_at > after(seconds())).label("in_grace"),
    sign_ins.c.expires_at,
    project=False,
).where(sign_ins.c.id == param("id"), _LIVE)
_REVOKE_ALL = update(sign_ins, project=False).where(_LIVE).values(revoked_at=now()).returning(sign_ins.c.id)
_REVOKE = _REVOKE_ALL.where(sign_ins.c.id == param("id"))
_REVOKE_OTHERS = _REVOKE_ALL.where(sign_ins.c.id != param("but"))
_PURGE = delete(sign_ins, project=False).where(
    sign_ins.c.id.in_(any_of("ids")), sign_ins.c.expires_at <= now()
)

_FORGET_LINKS = delete(sign_in_links, project=False).where(sign_in_links.c.expires_at <= now())
_REDEEM = (
    update(sign_in_links, project=False)
    .where(
        sign_in_links.c.id == param("id"),
        sign_in_links.c.redeemed_at.is_(None),
        sign_in_links.c.expires_at > now(),
    )
    .values(redeemed_at=now())
)


class SqlIdentity:
    """One user's identity."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def user(self) -> User | None:
        row = self._rows.one(_USER)
        return None if row is None else User(*row)

    def lock(self) -> User | None:
        row = self._rows.one(_LOCK)
        return None if row is None else User(*row)

    def add_user(self, email: Email, *, password_hash: str | None) -> User:
        row = {"email": email.address, "email_folded": email.folded, "password_hash": password_hash}
        with conflict_on(TAKEN):
            self._rows.insert(users, row)
        return cast("User", self.user())

    def password_hash(self) -> str | None:
        row = self._rows.one(_PASSWORD)
        return None if row is None else row[0]

    def change_password(self, password_hash: str, *, replacing: str | None) -> bool:
        return self._rows.run(_CHANGE_PASSWORD, password_hash=password_hash, replacing=replacing) == 1

    def preferences(self) -> Preferences:
        row = self._rows.one(_PREFERENCES)
        if row is None:
            return Preferences()
        language, theme, send_key, *others = row
        return Preferences(Language(language), Theme(theme), SendKey(send_key), *others)

    def save_preferences(self, preferences_: Preferences) -> None:
        values = asdict(preferences_)
        if self._rows.run(_SAVE_PREFERENCES, **values) == 0:
            self._rows.insert(preferences, values)

    def add_sign_in(self, sign_in_id: UUID, *, token_hash: str, client: str | None) -> datetime:
        expires_at = self._after(REFRESH_TTL_S)
        row = {"id": sign_in_id, "client": client, "token_hash": token_hash, "expires_at": expires_at}
        self._rows.insert(sign_ins, row)
        return expires_at

    def sign_ins(self) -> Sequence[SignIn]:
        return [SignIn(*row) for row in self._rows.all(_SIGN_INS)]

    def sign_in(self, sign_in_id: UUID) -> SignIn | None:
        row = self._rows.one(_LIVE_SIGN_IN, id=sign_in_id)
        return None if row is None else SignIn(*row)

    def rotate(self, sign_in_id: UUID, *, presented: str, successor: str) -> datetime | None:
        row = self._rows.one(
            _ROTATE, id=sign_in_id, presented=presented, successor=successor, seconds=float(REFRESH_TTL_S)
        )
        return None if row is None else row[0]

    def token_family(self, sign_in_id: UUID) -> TokenFamily | None:
        row = self._rows.one(_FAMILY, id=sign_in_id, seconds=-float(REFRESH_GRACE_S))
        if row is None:
            return None
        present, previous, in_grace, expires_at = row
        return TokenFamily(present, previous, bool(in_grace), expires_at)

    def revoke(self, sign_in_id: UUID) -> bool:
        return len(self._rows.all(_REVOKE, id=sign_in_id)) == 1

    def revoke_all(self, *, but: UUID | None = None) -> Sequence[UUID]:
        ended = self._rows.all(_REVOKE_ALL) if but is None else self._rows.all(_REVOKE_OTHERS, but=but)
        return [row[0] for row in ended]

    def purge_sign_ins(self, ids: Collection[UUID]) -> int:
        return self._rows.run(_PURGE, ids=list(ids))

    def add_link(self, link_id: UUID, *, token_hash: str) -> None:
        self._rows.run(_FORGET_LINKS)
        row = {"id": link_id, "token_hash": token_hash, "expires_at": self._after(LINK_TTL_S)}
        self._rows.insert(sign_in_links, row)

    def redeem_link(self, link_id: UUID) -> bool:
        return self._rows.run(_REDEEM, id=link_id) == 1

    def _after(self, ttl_s: int) -> datetime:
        """The database's clock plus a time to live."""
        row = self._rows.one(_DEADLINE, seconds=float(ttl_s))
        return cast("datetime", row and row[0])

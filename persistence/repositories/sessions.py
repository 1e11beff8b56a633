"""Statements on sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from domain.conversations.entities import Session
from domain.conversations.ports import KEEP, Advance, Advanced, KnownSession
from domain.folding import folded
from domain.pages import Page, PageRequest
from persistence.conflicts import moved_on, unique_key
from persistence.repositories.containing import containing
from persistence.repositories.paging import keyset_page
from persistence.statements import any_of, join, now, param, select, update
from persistence.tables.conversations import sessions as t
from persistence.tables.projects import projects

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

    from persistence.prepared import Row
    from persistence.statements import Rows

COLUMNS = (t.c.id, t.c.project_id, t.c.title, t.c.head_id, t.c.seq, t.c.created_at, t.c.updated_at)
VISIBLE = t.c.deleted_at.is_(None)

_MANY = select(*COLUMNS, source=join(t, projects, projects.c.id == t.c.project_id)).where(
    t.c.id.in_(any_of("ids")), VISIBLE, projects.c.deleted_at.is_(None)
)
_BY_KEY = select(t.c.id, t.c.input_hash).where(t.c.idempotency_key == param("key"), VISIBLE)
_LOCK = select(t.c.id).where(t.c.id == param("id")).with_for_update()
_PAGE = select(*COLUMNS).where(VISIBLE)
_COUNT = select(sa.func.count(), source=t).where(VISIBLE)
_HAS_IT = t.c.title_folded.like(param("pattern", sa.Text), escape="/")
_FOUND, _COUNT_FOUND = _PAGE.where(_HAS_IT), _COUNT.where(_HAS_IT)
_KEY = unique_key(t, "user_id", "project_id", "idempotency_key")


def _advance(*, head: bool, expected: bool, title: bool, served: bool, bury: bool) -> sa.Update:
    """One of the forms that advancing takes; there are few, and each is built once."""
    values: dict[str, Any] = {
        "seq": t.c.seq + param("facts"),
        "active_runs": t.c.active_runs + param("runs"),
        "updated_at": now(),
    }
    if head:
        values["head_id"] = param("head")
    if title:
        values |= {"title": param("title"), "title_folded": param("folded")}
    if served:
        values["last_served"] = now()
    if bury:
        values |= {"deleted_at": now(), "idempotency_key": None}
    statement = update(t).where(t.c.id == param("id"), VISIBLE)
    if expected:
        statement = statement.where(t.c.head_id.is_not_distinct_from(param("expected", sa.Uuid)))
    return statement.values(values).returning(t.c.seq, t.c.updated_at, t.c.active_runs)


_ADVANCE: dict[tuple[bool, ...], sa.Update] = {
    form: _advance(head=form[0], expected=form[1], title=form[2], served=form[3], bury=form[4])
    for form in ((bool(n & 1), bool(n & 2), bool(n & 4), bool(n & 8), bool(n & 16)) for n in range(32))
}


def session_of(row: Row) -> Session:
    """A session from COLUMNS."""
    return Session(*row)


class SqlSessions:
    """Sessions of one project."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def page(self, request: PageRequest, *, search: str | None) -> Page[Session]:
        """Newest activity first."""
        found, count = (_FOUND, _COUNT_FOUND) if search else (_PAGE, _COUNT)
        return keyset_page(
            self._rows,
            found,
            count=count,
            order=(t.c.updated_at, t.c.id),
            descending=True,
            request=request,
            entity=session_of,
            **({"pattern": containing(search)} if search else {}),
        )

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Session]:
        """Visible sessions by id."""
        return {row[0]: session_of(row) for row in self._rows.all(_MANY, ids=list(ids))}

    def add(self, session_id: UUID, *, title: str, key: str | None, input_hash: str) -> None:
        """Insert."""
        row = {
            "id": session_id,
            "title": title,
            "title_folded": folded(title),
            "idempotency_key": key,
            "input_hash": input_hash,
        }
        with moved_on(_KEY):
            self._rows.insert(t, row)

    def by_key(self, key: str) -> KnownSession | None:
        """The session that an idempotency key made."""
        row = self._rows.one(_BY_KEY, key=key)
        return KnownSession(*row) if row else None

    def lock(self, session_id: UUID) -> None:
        """Nobody else advances it until the transaction ends."""
        self._rows.one(_LOCK, id=session_id)

    def advance(self, session_id: UUID, advance: Advance) -> Advanced | None:
        """Take the next numbers of the log."""
        values: dict[str, Any] = {"id": session_id, "facts": advance.facts, "runs": advance.active_runs}
        if advance.head_id is not KEEP:
            values["head"] = advance.head_id
        if advance.expected_head is not KEEP:
            values["expected"] = advance.expected_head
        if advance.title is not None:
            values |= {"title": advance.title, "folded": folded(advance.title)}
        form = ("head" in values, "expected" in values, "title" in values, advance.served, advance.bury)
        row = self._rows.one(_ADVANCE[form], **values)
        return Advanced(*row) if row else None

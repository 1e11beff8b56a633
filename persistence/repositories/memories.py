"""Statements on memories. Whoever changes what the index holds says so to the outbox in the same transaction."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from domain.folding import folded
from domain.memory.entities import Memory, MemoryFilter, MemoryKind, NewMemory, Provenance
from domain.pages import Page, PageRequest
from persistence.repositories import superseding
from persistence.repositories.containing import containing
from persistence.repositories.outbox import SqlOutbox
from persistence.repositories.paging import keyset_page
from persistence.repositories.superseding import HEARD, STANDS, Superseding
from persistence.statements import any_of, delete, inserting, join, now, param, select, update
from persistence.tables.agents import agents
from persistence.tables.memory import memories as t
from persistence.tables.projects import projects

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from domain.memory.ports import OutboxKey
    from persistence.prepared import Row
    from persistence.statements import Rows

_SOURCE = (t.c.message_id, t.c.run_id, t.c.session_id, t.c.agent_version)
_COLUMNS = (
    t.c.id,
    t.c.project_id,
    t.c.agent_id,
    t.c.kind,
    t.c.text,
    t.c.window_text,
    t.c.success,
    t.c.importance,
    t.c.pinned,
    *_SOURCE,
    t.c.occurrences,
    t.c.uses,
    t.c.superseded_by,
    t.c.version,
    t.c.indexed_version,
    t.c.problem,
    t.c.created_at,
    t.c.last_used_at,
)
_PLACE = join(join(t, agents, agents.c.id == t.c.agent_id), projects, projects.c.id == t.c.project_id)
_VISIBLE = sa.and_(agents.c.deleted_at.is_(None), projects.c.deleted_at.is_(None))

_MANY = select(*_COLUMNS, source=_PLACE).where(_VISIBLE, t.c.id.in_(any_of("ids")))
_AGENT = t.c.agent_id == param("agent")
_PAGE = select(*_COLUMNS, source=_PLACE).where(_VISIBLE, _AGENT)
_COUNT_PAGE = select(sa.func.count(), source=_PLACE).where(_VISIBLE, _AGENT)
_COUNT = select(sa.func.count(), source=t).where(_AGENT)
_ANY = select(t.c.id).where(_AGENT).limit(1)
_AGENTS = select(agents.c.id)
_FILTERS: dict[str, sa.ColumnElement[bool]] = {
    "session": t.c.session_id == param("session"),
    "kind": t.c.kind == param("kind"),
    "success": t.c.success == param("success"),
    "since": t.c.created_at >= param("since"),
    "until": t.c.created_at < param("until"),
    "pattern": t.c.text_folded.like(param("pattern", sa.Text), escape="/"),
}
_AGAIN = (
    update(t)
    .where(
        _AGENT,
        t.c.content_hash == param("hash"),
        t.c.kind == param("kind"),
        t.c.success == param("success"),
        t.c.superseded_by.is_(None),
    )
    .values(occurrences=t.c.occurrences + 1)
    .returning(t.c.id)
)
_INSERT = inserting(t, given=frozenset({"last_used_at"}))
_ONE = t.c.id == param("id")
_EDIT = (
    update(t)
    .where(_ONE)
    .values(
        **STANDS,
        text=param("text"),
        text_folded=param("folded"),
        content_hash=param("hash"),
        subject=param("subject", sa.Text),
        window_text="",
    )
    .returning(*HEARD)
)
_PIN = update(t).where(_ONE).values(pinned=param("pinned")).returning(t.c.id)
_MERGED = delete(t).where(_ONE).returning(*HEARD, t.c.occurrences)
_COUNT_FOR_BOTH = update(t).where(t.c.id == param("into")).values(occurrences=t.c.occurrences + param("more"))
_USED = update(t).where(t.c.id.in_(any_of("ids"))).values(uses=t.c.uses + 1, last_used_at=now())
_MOST_USES = 10
_VALUE = t.c.importance + 0.05 * sa.case((t.c.uses < _MOST_USES, t.c.uses), else_=_MOST_USES)
"""What pruning weighs before age: ten uses count as much as the step from no importance to half of it."""
_LEAST = (
    select(t.c.id)
    .where(_AGENT, t.c.pinned.is_(False))
    .order_by(t.c.superseded_by.is_(None), _VALUE, sa.func.coalesce(t.c.last_used_at, t.c.created_at), t.c.id)
    .limit(param("limit", sa.Integer))
)
_NEXT = (
    select(t.c.id)
    .where(_AGENT, t.c.id > param("after", sa.Uuid))
    .order_by(t.c.id)
    .limit(param("limit", sa.Integer))
)
_HERE = select(t.c.id, source=_PLACE).where(
    _VISIBLE, t.c.id.in_(any_of("ids")), t.c.indexed_version == t.c.version
)
_UNHEARD = update(t).where(t.c.id.in_(any_of("ids"))).values(indexed_version=0)
_INDEXED = update(t).where(_ONE).values(indexed_version=param("heard"), problem=None)
_PROBLEM = update(t).where(t.c.id.in_(any_of("ids"))).values(problem=param("why"))
_REFUSED = update(t).where(_ONE).values(problem=param("why"), indexed_version=0)


class SqlMemories:
    """Memories of one project."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._outbox = SqlOutbox(rows)
        self._superseding = Superseding(rows)

    def page(self, agent_id: UUID, filter_: MemoryFilter, request: PageRequest) -> Page[Memory]:
        wanted = _wanted(filter_)
        page, count = _filtered(frozenset(wanted))
        return keyset_page(
            self._rows,
            page,
            count=count,
            order=(t.c.created_at, t.c.id),
            descending=True,
            request=request,
            entity=_memory,
            agent=agent_id,
            **wanted,
        )

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        found = map(_memory, self._rows.all(_MANY, ids=list(ids)) if ids else ())
        return {memory.id: memory for memory in found}

    def count(self, agent_id: UUID) -> int:
        row = self._rows.one(_COUNT, agent=agent_id)
        return int(row[0]) if row else 0

    def add(self, new: NewMemory) -> UUID:
        known = self._rows.one(
            _AGAIN, agent=new.agent_id, hash=new.content_hash, kind=new.kind, success=new.success
        )
        if known is not None:
            return known[0]  # type: ignore[no-any-return]
        self._rows.insert(t, _row_of(new), by=_INSERT)
        self._outbox.tell([(new.id, new.agent_id)])
        return new.id

    def edit(self, memory_id: UUID, *, text: str, content_hash: str, subject: str | None) -> bool:
        values = {"text": text, "folded": folded(text), "hash": content_hash, "subject": subject}
        return self._tell(self._rows.all(_EDIT, id=memory_id, **values)) == 1

    def pin(self, memory_id: UUID, *, pinned: bool) -> bool:
        return self._rows.one(_PIN, id=memory_id, pinned=pinned) is not None

    def supersede(self, agent_id: UUID, *, subject: str, by: UUID) -> int:
        return self._tell(self._superseding.supersede(agent_id, subject=subject, by=by))

    def merge(self, memory_id: UUID, *, into: UUID) -> None:
        row = self._rows.one(_MERGED, id=memory_id)
        if row is not None:
            self._outbox.tell([(row[0], row[1])])
            self._superseding.go({memory_id: into})
            self._rows.run(_COUNT_FOR_BOTH, into=into, more=row[2])

    def used(self, ids: Collection[UUID]) -> None:
        if ids:
            self._rows.run(_USED, ids=list(ids))

    def forget(self, ids: Collection[UUID]) -> int:
        return self._gone(superseding.FORGET, ids=list(ids)) if ids else 0

    def prune(self, ids: Collection[UUID]) -> int:
        return self._gone(superseding.PRUNE, ids=list(ids)) if ids else 0

    def forget_messages(self, message_ids: Collection[UUID]) -> int:
        return self._gone(superseding.FORGET_MESSAGES, ids=list(message_ids)) if message_ids else 0

    def forget_session(self, session_id: UUID) -> int:
        return self._gone(superseding.FORGET_SESSION, session=session_id)

    def forget_some(self, agent_id: UUID, *, limit: int) -> int:
        return self.forget(self._next(agent_id, after=None, limit=limit))

    def drop(self, agent_id: UUID) -> None:
        self._outbox.tell_of_ours([(agent_id, agent_id)])

    def drop_all(self) -> None:
        self._outbox.tell([(row[0], row[0]) for row in self._rows.all(_AGENTS)])

    def has_any(self, agent_id: UUID) -> bool:
        return self._rows.one(_ANY, agent=agent_id) is not None

    def retell(self, agent_id: UUID, *, after: UUID | None, limit: int, lost: bool) -> Sequence[UUID]:
        ids = self._next(agent_id, after=after, limit=limit)
        if ids and lost:
            self._rows.run(_UNHEARD, ids=ids)
        self._outbox.tell([(memory_id, agent_id) for memory_id in ids])
        return ids

    def _next(self, agent_id: UUID, *, after: UUID | None, limit: int) -> Sequence[UUID]:
        first = after or UUID(int=0)
        return [row[0] for row in self._rows.all(_NEXT, agent=agent_id, after=first, limit=limit)]

    def least_valuable(self, agent_id: UUID, *, limit: int) -> Sequence[UUID]:
        return [row[0] for row in self._rows.all(_LEAST, agent=agent_id, limit=limit)]

    def settle(self, done: Sequence[OutboxKey], *, indexed: Mapping[UUID, int]) -> None:
        self._outbox.settle(done)
        for memory_id, version in indexed.items():
            self._rows.run(_INDEXED, id=memory_id, heard=version)
        here = {row[0] for row in self._rows.all(_HERE, ids=list(indexed))} if indexed else set()
        late = [key for key in done if key.memory_id in indexed.keys() - here]
        self._outbox.tell_of_ours([(key.memory_id, key.agent_id) for key in late])

    def postpone(self, keys: Sequence[OutboxKey], *, problem: str | None, retry_s: float) -> None:
        self._outbox.postpone(keys, retry_s=retry_s)
        if problem is not None and (ids := [key.memory_id for key in keys]):
            self._rows.run(_PROBLEM, ids=ids, why=problem)

    def refuse(self, keys: Sequence[OutboxKey], *, problems: Mapping[UUID, str], retry_s: float) -> None:
        self._outbox.postpone(keys, retry_s=retry_s, refused=True)
        for memory_id, problem in problems.items():
            self._rows.run(_REFUSED, id=memory_id, why=problem)

    def _gone(self, removal: sa.Executable, **values: Any) -> int:
        forgotten = self._rows.all(removal, **values)
        self._tell(self._superseding.go({memory_id: newer for memory_id, _, newer in forgotten}))
        return self._tell(forgotten)

    def _tell(self, changed: Iterable[Row]) -> int:
        told = [(row[0], row[1]) for row in changed]
        self._outbox.tell(told)
        return len(told)


@cache
def _filtered(names: frozenset[str]) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """The statements of a page and of its total; each of their forms is built once."""
    where = [_FILTERS[name] for name in sorted(names)]
    return _PAGE.where(*where), _COUNT_PAGE.where(*where)


def _wanted(filter_: MemoryFilter) -> dict[str, object]:
    given: dict[str, object | None] = {
        "session": filter_.session_id,
        "kind": filter_.kind,
        "success": filter_.success,
        "since": filter_.since,
        "until": filter_.until,
        "pattern": containing(filter_.text) if filter_.text else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _memory(row: Row) -> Memory:
    """A memory from _COLUMNS."""
    before, source, behind = (*row[:3], MemoryKind(row[3]), *row[4:9]), Provenance(*row[9:13]), row[13:]
    return Memory(*(*before, source, *behind))


def _row_of(new: NewMemory) -> dict[str, Any]:
    source = new.source
    return {
        "id": new.id,
        "agent_id": new.agent_id,
        "kind": new.kind,
        "text": new.text,
        "text_folded": folded(new.text),
        "window_text": new.window,
        "content_hash": new.content_hash,
        "subject": new.subject,
        "success": new.success,
        "importance": new.importance,
        "pinned": False,
        "message_id": source.message_id,
        "run_id": source.run_id,
        "session_id": source.session_id,
        "agent_version": source.agent_version,
        "last_used_at": None,
    }

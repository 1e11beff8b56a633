"""Statements on messages: trees of them, read along one branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from domain.conversations.entities import Author, Citation, Message, MessageStatus, Turn, Usage
from domain.conversations.ports import Anchor, Ended, NewMessage
from domain.errors import FieldProblem, Invalid
from domain.pages import Page, PageRequest
from persistence.conflicts import moved_on
from persistence.repositories.message_rows import COLUMNS, cited_row, message_of, row_of
from persistence.statements import any_of, delete, join, param, select, update
from persistence.tables.conversations import messages as t
from persistence.tables.conversations import runs, sessions
from persistence.tables.projects import projects

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from persistence.statements import Rows

CHUNK = 500
_STREAMING = t.c.status == MessageStatus.STREAMING

_MANY = select(
    *COLUMNS,
    source=join(
        join(t, sessions, sessions.c.id == t.c.session_id), projects, projects.c.id == t.c.project_id
    ),
).where(t.c.id.in_(any_of("ids")), sessions.c.deleted_at.is_(None), projects.c.deleted_at.is_(None))

_ANCHOR = select(t.c.id, t.c.parent_id, t.c.depth, t.c.author, _STREAMING).where(
    t.c.session_id == param("session"), t.c.id == param("id")
)


def _walk(*, down_to: sa.ColumnElement[int]) -> sa.CTE:
    """A message and its ancestors as deep as that, nearest first; each step is confined to the owner."""
    columns = (t.c.id, t.c.parent_id, t.c.depth)
    start = select(*columns).where(t.c.session_id == param("session"), t.c.id == param("leaf"))
    chain = start.cte("chain", recursive=True)
    parent = t.alias("parent")
    step = select(
        *(parent.c[c.name] for c in columns),
        source=join(
            chain, parent, sa.and_(parent.c.id == chain.c.parent_id, parent.c.session_id == param("session"))
        ),
    )
    return chain.union_all(step.where(chain.c.depth > down_to))


def _path() -> sa.Select[Any]:
    chain = _walk(down_to=param("down_to", sa.BigInteger))
    source = join(chain, t, sa.and_(t.c.id == chain.c.id, t.c.session_id == param("session")))
    return (
        select(*COLUMNS, source=source)
        .where(t.c.depth.between(param("low"), param("high")))
        .order_by(t.c.depth)
    )


def _history() -> sa.Select[Any]:
    """The complete ones of a message and those before it, so many in all."""
    leaf = select(t.c.depth - param("limit") + 1).where(
        t.c.session_id == param("session"), t.c.id == param("leaf")
    )
    chain = _walk(down_to=leaf.scalar_subquery())
    source = join(chain, t, sa.and_(t.c.id == chain.c.id, t.c.session_id == param("session")))
    return (
        select(t.c.author, t.c.content, t.c.agent_handle, source=source)
        .where(t.c.status == MessageStatus.COMPLETE)
        .order_by(t.c.depth)
    )


def _siblings() -> sa.CompoundSelect[Any]:
    """For each of some messages, the messages with the same parent.

    Two searches, because PostgreSQL has no index for IS NOT DISTINCT FROM, nor SQLite one for OR (measured
    for 50 of 3,000 messages: 53 and 73 ms instead of 3).
    """
    asked = t.alias("asked")
    ids, same_session = any_of("ids"), t.c.session_id == asked.c.session_id

    def with_parent(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
        source = join(asked, t, sa.and_(same_session, *conditions))
        return select(asked.c.id, *COLUMNS, t.c.position.label("place"), source=source).where(
            asked.c.id.in_(ids)
        )

    children = with_parent(t.c.parent_id == asked.c.parent_id)
    roots = with_parent(t.c.parent_id.is_(None), asked.c.parent_id.is_(None))
    return sa.union_all(children, roots).order_by("place")


def _newest_leaf() -> sa.Select[Any]:
    child = t.alias("child")
    children = select(sa.literal(1), source=child).where(
        child.c.session_id == t.c.session_id, child.c.parent_id == t.c.id
    )
    return (
        select(t.c.id)
        .where(t.c.session_id == param("session"), ~children.correlate(t).exists())
        .order_by(t.c.position.desc())
        .limit(1)
    )


_PATH, _HISTORY, _SIBLINGS, _NEWEST_LEAF = _path(), _history(), _siblings(), _newest_leaf()
_FROM_DEPTH = (
    select(t.c.id, t.c.parent_id)
    .where(t.c.session_id == param("session"), t.c.depth >= param("depth"))
    .order_by(t.c.depth)
)

_CHECKPOINT = (
    update(t)
    .where(t.c.id == param("id"), t.c.generation == param("gen"), _STREAMING)
    .values(content=param("text"))
)
_RESTART = update(t).where(t.c.id == param("id"), _STREAMING).values(content="", generation=param("gen"))
_COMPLETE = (
    update(t)
    .where(t.c.id == param("id"), _STREAMING)
    .values(
        status=param("to"),
        content=sa.func.coalesce(param("text", sa.Text), t.c.content),
        model=param("by"),
        input_tokens=param("tokens_in"),
        output_tokens=param("tokens_out"),
        cost_micro_usd=param("cost"),
        model_calls=param("calls"),
        seconds=param("took"),
        citations=param("cited", t.c.citations.type),
    )
    .returning(t.c.generation, t.c.content)
)
_DELETE = delete(t).where(t.c.session_id == param("session"), t.c.id.in_(any_of("ids")))
_DELETE_RUNS = delete(runs).where(
    runs.c.session_id == param("session"),
    runs.c.question_id.in_(any_of("ids")) | runs.c.answer_id.in_(any_of("ids")),
)


class SqlMessages:
    """Messages of one project."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, *messages: NewMessage) -> None:
        """Insert."""
        with moved_on():
            self._rows.insert(t, *(row_of(message) for message in messages))

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Message]:
        """Visible messages by id."""
        return {row[0]: message_of(row) for row in self._rows.all(_MANY, ids=list(ids))}

    def anchor(self, session_id: UUID, message_id: UUID) -> Anchor | None:
        """A message of the session, to attach to."""
        row = self._rows.one(_ANCHOR, session=session_id, id=message_id)
        return Anchor(row[0], row[1], row[2], Author(row[3]), bool(row[4])) if row else None

    def path(self, session_id: UUID, leaf_id: UUID, request: PageRequest) -> Page[Message]:
        """One page of a branch: the leaf's depth says how long it is, so nothing is counted."""
        leaf = self.anchor(session_id, leaf_id)
        if leaf is None:
            return Page((), (), has_next=False, has_previous=False, total=0)
        low, high = _window(request, leaf.depth)
        found = self._rows.all(
            _PATH, session=session_id, leaf=leaf_id, down_to=max(low, 0), low=low, high=high
        )
        nodes = tuple(message_of(row) for row in found)
        return Page(
            nodes,
            tuple(str(node.depth) for node in nodes),
            has_next=high < leaf.depth,
            has_previous=low > 0,
            total=leaf.depth + 1,
        )

    def history(self, session_id: UUID, leaf_id: UUID, *, limit: int) -> Sequence[Turn]:
        """Complete ancestors, oldest first."""
        found = self._rows.all(_HISTORY, session=session_id, leaf=leaf_id, limit=limit)
        return [Turn(Author(author), content, handle) for author, content, handle in found]

    def siblings(self, ids: Collection[UUID]) -> Mapping[UUID, Sequence[Message]]:
        """Messages with the same parent, oldest first."""
        found: dict[UUID, list[Message]] = {message_id: [] for message_id in ids}
        for row in self._rows.all(_SIBLINGS, ids=list(ids)):
            found[row[0]].append(message_of(row[1:]))
        return found

    def checkpoint(self, message_id: UUID, *, generation: int, content: str) -> bool:
        """Save the text so far."""
        return self._rows.run(_CHECKPOINT, id=message_id, gen=generation, text=content) == 1

    def restart(self, message_id: UUID, *, generation: int) -> None:
        """Begin another generation."""
        self._rows.run(_RESTART, id=message_id, gen=generation)

    def complete(
        self,
        message_id: UUID,
        *,
        status: MessageStatus,
        content: str | None,
        model: str | None,
        usage: Usage,
        citations: Sequence[Citation] = (),
    ) -> Ended | None:
        """End an answer."""
        row = self._rows.one(
            _COMPLETE,
            id=message_id,
            to=status,
            text=content,
            by=model,
            tokens_in=usage.input_tokens,
            tokens_out=usage.output_tokens,
            cost=usage.cost_micro_usd,
            calls=usage.model_calls,
            took=usage.seconds,
            cited=cited_row(citations),
        )
        return Ended(*row) if row else None

    def below(self, session_id: UUID, message_id: UUID) -> Sequence[UUID]:
        """A message and everything under it, deepest last."""
        top = self.anchor(session_id, message_id)
        if top is None:
            return []
        # Not by recursion: PostgreSQL's generic plan for it reads the session once per level (measured: 3,000
        # messages took 5 s instead of 10 ms).
        found = {top.id: None}
        for child_id, parent_id in self._rows.all(_FROM_DEPTH, session=session_id, depth=top.depth + 1):
            if parent_id in found:
                found[child_id] = None
        return list(found)

    def delete(self, session_id: UUID, ids: Sequence[UUID]) -> None:
        """Delete messages with their runs, deepest first."""
        deepest_first = list(reversed(ids))
        chunks = [deepest_first[i : i + CHUNK] for i in range(0, len(ids), CHUNK)]
        for chunk in chunks:
            self._rows.run(_DELETE_RUNS, session=session_id, ids=chunk)
        for chunk in chunks:
            self._rows.run(_DELETE, session=session_id, ids=chunk)

    def newest_leaf(self, session_id: UUID) -> UUID | None:
        """The message that was added last and has no children."""
        row = self._rows.one(_NEWEST_LEAF, session=session_id)
        return row[0] if row else None


def _window(request: PageRequest, deepest: int) -> tuple[int, int]:
    """The depths of a page, both ends included; a page without arguments is the branch's end."""
    position = _depth(request) if request.position is not None else None
    if request.backward:
        high = deepest if position is None else min(position - 1, deepest)
        return max(high - request.size + 1, 0), high
    low = 0 if position is None else position + 1
    return low, min(low + request.size - 1, deepest)


def _depth(request: PageRequest) -> int:
    position = request.position or ""
    if not (position.isascii() and position.isdigit() and len(position) < 10):
        name = "before" if request.backward else "after"
        raise Invalid(FieldProblem((name,), "This is not a cursor of this list."))
    return int(position)

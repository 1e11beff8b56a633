"""Removes what was deleted or has outlived its time, in small transactions of its owner."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from persistence.statements import Rows, any_of, delete, param, select, update
from persistence.tables.agents import agent_slots, agent_versions, agents
from persistence.tables.conversations import events, messages, runs, sessions
from persistence.tables.engine import tasks, usage
from persistence.tables.memory import memories
from persistence.tables.projects import orchestrators, projects

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from persistence.buried import BuriedKey, OutlivedKey
    from persistence.database import Database
    from persistence.unowned import Unowned

T = TypeVar("T")

BATCH = 500
"""Rows removed per transaction."""
ROUND = 10_000
"""Rows removed of one deleted thing per round, about; the rest waits for the next."""

_Step = tuple[sa.Select[Any], sa.Delete]


def _batch(table: sa.Table, column: str, *where: sa.ColumnElement[bool], newest: str | None = None) -> _Step:
    """Which rows to remove next (children first, by `newest`), and the statement that removes them."""
    find = select(table.c[column]).where(*where).limit(BATCH)
    if newest:
        find = find.order_by(table.c[newest].desc())
    return find, delete(table).where(*where, table.c[column].in_(any_of("batch", table.c[column].type)))


_THIS = param("id", sa.Uuid)
_CONTENTS = (
    _batch(memories, "id", memories.c.session_id == _THIS),
    _batch(tasks, "id", tasks.c.session_id == _THIS),
    _batch(runs, "id", runs.c.session_id == _THIS),
    _batch(messages, "id", messages.c.session_id == _THIS, newest="depth"),
    _batch(events, "seq", events.c.session_id == _THIS),
)
_SESSION = (*_CONTENTS, _batch(sessions, "id", sessions.c.id == _THIS, sessions.c.deleted_at.is_not(None)))
_SESSION_OF_PROJECT = (*_CONTENTS, _batch(sessions, "id", sessions.c.id == _THIS))
_SESSIONS = select(sessions.c.id).limit(BATCH)
_AGENT = (
    _batch(memories, "id", memories.c.agent_id == _THIS),
    _batch(tasks, "id", tasks.c.agent_id == _THIS),
    _batch(agent_versions, "version", agent_versions.c.agent_id == _THIS),
    _batch(agent_slots, "agent_id", agent_slots.c.agent_id == _THIS),
    _batch(agents, "id", agents.c.id == _THIS, agents.c.deleted_at.is_not(None)),
)
_PROJECT = (
    _batch(memories, "id"),
    _batch(usage, "id"),
    _batch(agent_versions, "agent_id"),
    _batch(agent_slots, "agent_id"),
    _batch(agents, "id"),
    _batch(orchestrators, "project_id"),
    _batch(projects, "id", projects.c.deleted_at.is_not(None)),
)
"""What is left of a project without its sessions."""
_PLANS = {"sessions": _SESSION, "agents": _AGENT, "projects": _PROJECT}

_OLD = (
    select(events.c.seq)
    .where(events.c.session_id == param("session"), events.c.seq <= param("last"))
    .order_by(events.c.seq)
    .limit(BATCH)
)
_FORGET = delete(events).where(
    events.c.session_id == param("session"), events.c.seq.in_(any_of("batch", sa.BigInteger))
)
_SHORTEN = update(sessions).where(sessions.c.id == param("session")).values(oldest_seq=param("from"))


class Purge:
    """One round removes a bounded number of rows; what is left waits for the next."""

    def __init__(self, database: Database, unowned: Unowned) -> None:
        self._database = database
        self._unowned = unowned

    async def buried(self, *, limit: int = 20) -> int:
        """Remove what lies under tombstones; returns the rows removed."""
        keys = await self._unowned.buried(limit=limit)
        return sum([await self._remove(key) for key in keys])

    async def outlived(self, *, older_than_s: float, limit: int = 20) -> int:
        """Forget events that are too old; their sessions remember where their logs begin now."""
        keys = await self._unowned.outlived(older_than_s=older_than_s, limit=limit)
        return sum([await self._shorten(key) for key in keys])

    async def _remove(self, key: BuriedKey) -> int:
        removed = 0
        while key.table == "projects" and (session_ids := await self._in_project(key, _sessions)):
            for session_id in session_ids:
                removed += await self._clear(
                    replace(key, id=session_id), _SESSION_OF_PROJECT, ROUND - removed
                )
                if removed >= ROUND:
                    return removed
        return removed + await self._clear(key, _PLANS[key.table], ROUND - removed)

    async def _clear(self, key: BuriedKey, plan: Sequence[_Step], most: int) -> int:
        """Remove step by step until all is gone, or about `most` rows are."""
        removed = 0
        for find, remove in plan:
            step = partial(_remove_batch, key=key, find=find, remove=remove)
            while removed < most and (count := await self._in_project(key, step)):
                removed += count
            if removed >= most:
                break
        return removed

    async def _shorten(self, key: OutlivedKey) -> int:
        return await self._in_project(key, partial(_shorten_batch, key=key))

    async def _in_project(self, key: BuriedKey | OutlivedKey, work: Callable[[Rows], T]) -> T:
        def transaction(connection: sa.Connection) -> T:
            return work(Rows(connection, user_id=key.user_id, project_id=key.project_id))

        return await self._database.write(transaction, user_id=key.user_id)


def _sessions(rows: Rows) -> list[UUID]:
    return [row[0] for row in rows.all(_SESSIONS)]


def _remove_batch(rows: Rows, *, key: BuriedKey, find: sa.Select[Any], remove: sa.Delete) -> int:
    batch = [row[0] for row in rows.all(find, id=key.id)]
    return rows.run(remove, id=key.id, batch=batch) if batch else 0


def _shorten_batch(rows: Rows, *, key: OutlivedKey) -> int:
    batch: Sequence[int] = [row[0] for row in rows.all(_OLD, session=key.session_id, last=key.seq)]
    if not batch:
        return 0
    rows.run(_SHORTEN, session=key.session_id, **{"from": batch[-1] + 1})
    return rows.run(_FORGET, session=key.session_id, batch=batch)

"""The few statements without an owner; but for `persistence.unowned_reviews` nothing else looks across users.

Each says why it can't have an owner. They return keys only: what follows happens in the owner's scope,
which also decides (what is found here may be out of date by then). On PostgreSQL they run under the role
`codelab_unowned`, which may touch only what `TABLES` names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from domain.conversations.entities import MessageStatus
from domain.identity.entities import LinkKey, SignInKey
from domain.memory.ports import OutboxKey, Tenant
from domain.tasks.entities import TaskKey, TaskStatus
from persistence.buried import BuriedKey, OutlivedKey
from persistence.elapsed import elapsed
from persistence.prepared import Row, rows
from persistence.statements import after, now
from persistence.tables.agents import agent_slots as slots
from persistence.tables.agents import agents
from persistence.tables.conversations import events, messages, sessions
from persistence.tables.engine import tasks
from persistence.tables.identity import sign_in_links, sign_ins, users
from persistence.tables.memory import outbox
from persistence.tables.projects import projects

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from persistence.database import Database

TABLES: dict[str, set[str]] = {
    "users": {"SELECT"},
    "sign_ins": {"SELECT"},
    "sign_in_links": {"SELECT"},
    "projects": {"SELECT"},
    "agents": {"SELECT"},
    "agent_slots": {"SELECT"},
    "sessions": {"SELECT"},
    "messages": {"SELECT"},
    "events": {"SELECT"},
    "tasks": {"SELECT", "UPDATE"},
    "outbox": {"SELECT", "UPDATE"},
    "reviews": {"SELECT", "UPDATE"},
    "memory_collections": {"SELECT", "INSERT", "UPDATE"},
}
"""Every table that is touched here or has no owner at all (`persistence.collections`), with the privileges it takes."""

_USER_BY_EMAIL = sa.select(users.c.user_id).where(
    users.c.email_folded == sa.bindparam("email_folded"), users.c.deleted_at.is_(None)
)
_FIRST_USER = (
    sa.select(users.c.user_id)
    .where(users.c.deleted_at.is_(None))
    .order_by(users.c.created_at, users.c.user_id)
    .limit(1)
)
_SIGN_IN_BY_TOKEN = sa.select(sign_ins.c.user_id, sign_ins.c.id).where(
    sa.or_(
        sign_ins.c.token_hash == sa.bindparam("token_hash"),
        sign_ins.c.previous_hash == sa.bindparam("token_hash"),
    )
)
_LINK_BY_TOKEN = sa.select(sign_in_links.c.user_id, sign_in_links.c.id).where(
    sign_in_links.c.token_hash == sa.bindparam("token_hash")
)
_EXPIRED_SIGN_INS = (
    sa.select(sign_ins.c.user_id, sign_ins.c.id)
    .where(sign_ins.c.expires_at <= now())
    .order_by(sign_ins.c.expires_at)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


def _ready() -> sa.Select[Any]:
    """For each agent with waiting work and a free slot, its next task.

    Users take turns, who was served longest ago first: one agent of each, then another one of each.
    """
    unfinished = sa.select(messages.c.id).where(
        messages.c.user_id == tasks.c.user_id,
        messages.c.id == tasks.c.after_message_id,
        messages.c.status == MessageStatus.STREAMING,
    )
    next_task = (
        sa.select(tasks.c.id)
        .join(sessions, sa.and_(sessions.c.user_id == tasks.c.user_id, sessions.c.id == tasks.c.session_id))
        .where(
            tasks.c.user_id == slots.c.user_id,
            tasks.c.agent_id == slots.c.agent_id,
            tasks.c.status == TaskStatus.QUEUED,
            ~unfinished.correlate(tasks).exists(),
        )
        .order_by(sessions.c.last_served.asc().nulls_first(), tasks.c.ticket)
        .limit(1)
        .correlate(slots)
        .scalar_subquery()
    )
    all_slots = slots.alias("all_slots")
    served = (
        sa.select(sa.func.max(all_slots.c.last_served))
        .where(all_slots.c.user_id == slots.c.user_id)
        .correlate(slots)
        .scalar_subquery()
    )
    found = (
        sa.select(
            slots.c.user_id,
            slots.c.project_id,
            next_task.label("task_id"),
            slots.c.agent_id,
            slots.c.last_served,
            served.label("user_served"),
        )
        .where(slots.c.waiting > 0, slots.c.running < slots.c.running_limit)
        .subquery()
    )
    longest_ago = (found.c.last_served.asc().nulls_first(), found.c.agent_id)
    turn = sa.func.row_number().over(partition_by=found.c.user_id, order_by=longest_ago)
    return (
        sa.select(found.c.user_id, found.c.project_id, found.c.task_id, found.c.agent_id)
        .where(found.c.task_id.is_not(None))
        .order_by(turn, found.c.user_served.asc().nulls_first(), *longest_ago)
        .limit(_LIMIT)
    )


_LIMIT = sa.bindparam("limit", type_=sa.Integer)
_READY = _ready()
_ABANDONED = (
    sa.select(tasks.c.user_id, tasks.c.project_id, tasks.c.id, tasks.c.agent_id)
    .where(tasks.c.status == TaskStatus.RUNNING, tasks.c.lease_until < now())
    .order_by(tasks.c.lease_until)
    .limit(_LIMIT)
)
_ABANDON_OTHERS = (
    sa.update(tasks)
    .where(tasks.c.status == TaskStatus.RUNNING, tasks.c.worker_id != sa.bindparam("worker"))
    .values(lease_until=after(sa.literal(-1.0, sa.Double)))
)
_RENEW = (
    sa.update(tasks)
    .where(
        tasks.c.worker_id == sa.bindparam("worker"),
        tasks.c.id.in_(sa.bindparam("ids", expanding=True)),
        tasks.c.status == TaskStatus.RUNNING,
    )
    .values(lease_until=after(sa.bindparam("lease", type_=sa.Double)))
    .returning(tasks.c.id)
)
_DEPTH = sa.select(
    sa.func.coalesce(sa.func.sum(slots.c.waiting), 0), sa.func.coalesce(sa.func.sum(slots.c.running), 0)
)


def _buried(table: sa.Table, project: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Tombstones of one kind."""
    kind = sa.literal(table.name, sa.Text)
    return (
        sa.select(kind, table.c.user_id, project, table.c.id)
        .where(table.c.deleted_at.is_not(None))
        .limit(_LIMIT)
    )


_BURIED = (
    _buried(sessions, sessions.c.project_id),
    _buried(agents, agents.c.project_id),
    _buried(projects, projects.c.id),
)
_OUTLIVED = (
    sa.select(events.c.user_id, events.c.project_id, events.c.session_id, sa.func.max(events.c.seq))
    .where(events.c.at < after(sa.bindparam("lease", type_=sa.Double)))
    .group_by(events.c.user_id, events.c.project_id, events.c.session_id)
    .limit(_LIMIT)
)


_TENANT = (agents.c.user_id, agents.c.id)
_TENANTS = (
    sa.select(agents.c.user_id, agents.c.project_id, agents.c.id)
    .where(
        sa.tuple_(*_TENANT)
        > sa.tuple_(sa.bindparam("user", type_=sa.Uuid), sa.bindparam("agent", type_=sa.Uuid))
    )
    .order_by(*_TENANT)
    .limit(_LIMIT)
)
_OUTBOX_ROW = (outbox.c.user_id, outbox.c.memory_id)
_DUE = (
    sa.update(outbox)
    .where(
        sa.tuple_(*_OUTBOX_ROW).in_(
            sa.select(*_OUTBOX_ROW)
            .where(outbox.c.due_at <= now())
            .order_by(outbox.c.due_at)
            .limit(_LIMIT)
            .with_for_update(skip_locked=True)
        )
    )
    .values(due_at=after(sa.bindparam("lease", type_=sa.Double)))
    .returning(outbox.c.user_id, outbox.c.project_id, outbox.c.agent_id, outbox.c.memory_id, outbox.c.change)
)
_LAG = sa.select(elapsed(sa.func.min(outbox.c.created_at), now())).where(outbox.c.refused.is_(False))


class Unowned:
    """Finds owners."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def user_by_email(self, email_folded: str) -> UUID | None:
        """Log-in: whoever logs in has an address and no owner yet."""
        return next((row[0] for row in await self._read(_USER_BY_EMAIL, email_folded=email_folded)), None)

    async def first_user(self) -> UUID | None:
        """The embedded start: its link is for the first user, or there is none yet."""
        return next((row[0] for row in await self._read(_FIRST_USER)), None)

    async def sign_in_by_refresh_token(self, token_hash: str) -> SignInKey | None:
        """Refresh: the access token has expired, so that the refresh token alone says who asks."""
        rows = await self._read(_SIGN_IN_BY_TOKEN, token_hash=token_hash)
        return SignInKey(*rows[0]) if rows else None

    async def link_by_token(self, token_hash: str) -> LinkKey | None:
        """Redeeming a sign-in link: its token is all that the visitor has."""
        rows = await self._read(_LINK_BY_TOKEN, token_hash=token_hash)
        return LinkKey(*rows[0]) if rows else None

    async def expired_sign_ins(self, *, limit: int) -> Sequence[SignInKey]:
        """The purge: it works through what is old, whoever owns it."""
        return [SignInKey(*row) for row in await self._read(_EXPIRED_SIGN_INS, limit=limit)]

    async def ready(self, *, limit: int) -> Sequence[TaskKey]:
        """The engine: it serves all users, the least recently served first."""
        return [TaskKey(*row) for row in await self._read(_READY, limit=limit)]

    async def abandoned(self, *, limit: int) -> Sequence[TaskKey]:
        """The engine: a worker that is gone can't say whose its tasks were."""
        return [TaskKey(*row) for row in await self._read(_ABANDONED, limit=limit)]

    async def abandon_others(self, worker_id: UUID) -> None:
        """The engine: an embedded process has the data to itself; who worked on them before is gone."""
        await self._database.write(
            lambda connection: connection.execute(_ABANDON_OTHERS, {"worker": worker_id}), user_id=None
        )

    async def renew(self, worker_id: UUID, task_ids: Collection[UUID], *, lease_s: float) -> Collection[UUID]:
        """The engine: one heartbeat for all that a worker holds, whoever owns it."""
        values = {"worker": worker_id, "ids": list(task_ids), "lease": lease_s}

        def work(connection: sa.Connection) -> set[UUID]:
            return {row[0] for row in connection.execute(_RENEW, values)}

        return await self._database.write(work, user_id=None)

    async def queue_depth(self) -> tuple[int, int]:
        """The gauges: work that waits and work that runs, of all users together."""
        ((waiting, running),) = await self._read(_DEPTH)
        return int(waiting), int(running)

    async def buried(self, *, limit: int) -> Sequence[BuriedKey]:
        """The purge: it works through tombstones, whoever owned what lies there; sessions before projects."""
        found: list[BuriedKey] = []
        for statement in _BURIED:
            found += [BuriedKey(*row) for row in await self._read(statement, limit=limit)]
        return found

    async def due(self, *, limit: int, lease_s: float) -> Sequence[OutboxKey]:
        """The index's writer: what it must hear of is of all users; taken for the time of the lease."""
        values = {"limit": limit, "lease": lease_s}

        def work(connection: sa.Connection) -> list[OutboxKey]:
            return [OutboxKey(*row) for row in rows(connection, _DUE, values)]

        return await self._database.write(work, user_id=None)

    async def tenants(self, *, after: Tenant | None, limit: int) -> Sequence[Tenant]:
        """The index's rebuilding, and pruning: they go through every agent's memories."""
        user_id, agent_id = (after.user_id, after.agent_id) if after else (UUID(int=0), UUID(int=0))
        found = await self._read(_TENANTS, user=user_id, agent=agent_id, limit=limit)
        return [Tenant(*row) for row in found]

    async def lag_s(self) -> float:
        """The gauges: how far the index is behind, for all users together."""
        waited = (await self._read(_LAG))[0][0]
        return max(float(waited), 0.0) if waited is not None else 0.0

    async def outlived(self, *, older_than_s: float, limit: int) -> Sequence[OutlivedKey]:
        """Retention: events grow old in every session."""
        return [OutlivedKey(*row) for row in await self._read(_OUTLIVED, limit=limit, lease=-older_than_s)]

    async def _read(self, statement: sa.Select[Any], **values: object) -> Sequence[Row]:
        return await self._database.read(lambda connection: rows(connection, statement, values), user_id=None)

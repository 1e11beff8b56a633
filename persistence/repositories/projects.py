"""Statements on a user's projects, and on where the user's things lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from domain.conversations.entities import Session
from domain.folding import folded
from domain.pages import Page, PageRequest
from domain.projects.entities import Project
from persistence.conflicts import conflict_on, unique_index
from persistence.repositories.paging import keyset_page
from persistence.statements import any_of, join, now, param, select, update
from persistence.tables.agents import agent_slots, agents
from persistence.tables.conversations import messages, runs, sessions
from persistence.tables.identity import users
from persistence.tables.memory import memories
from persistence.tables.projects import projects as t

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

    from persistence.prepared import Row
    from persistence.statements import Rows

TAKEN = "You have a project of this name already."
NAME = unique_index(t, "uq_projects_name")

_COLUMNS = (t.c.id, t.c.name, t.c.workspace_path, t.c.created_at, t.c.updated_at)
_SESSION = (
    sessions.c.id,
    sessions.c.project_id,
    sessions.c.title,
    sessions.c.head_id,
    sessions.c.seq,
    sessions.c.created_at,
    sessions.c.updated_at,
)
VISIBLE = t.c.deleted_at.is_(None)
_AGENT_VISIBLE = sa.and_(VISIBLE, agents.c.deleted_at.is_(None))
_SESSION_VISIBLE = sa.and_(VISIBLE, sessions.c.deleted_at.is_(None))

_PROJECTS = select(*_COLUMNS, project=False).where(VISIBLE)
_MANY = _PROJECTS.where(t.c.id.in_(any_of("ids")))
_LOCK = _PROJECTS.where(t.c.id == param("id")).with_for_update(key_share=True)
_COUNT = select(sa.func.count(), source=t, project=False).where(VISIBLE)
_LOCK_USER = select(users.c.user_id, project=False).with_for_update(key_share=True)
_SAVE = (
    update(t, project=False)
    .where(t.c.id == param("id"), VISIBLE)
    .values(
        name=param("name"),
        name_folded=param("folded"),
        workspace_path=param("path", sa.Text),
        updated_at=now(),
    )
)
_BURY = update(t, project=False).where(t.c.id == param("id"), VISIBLE).values(deleted_at=now())
_LOCK_SLOTS = (
    select(agent_slots.c.agent_id, project=False)
    .where(agent_slots.c.project_id == param("id"))
    .order_by(agent_slots.c.agent_id)
    .with_for_update()
)
_CLOSE_SLOTS = (
    update(agent_slots, project=False).where(agent_slots.c.project_id == param("id")).values(running_limit=0)
)

_IN_SESSION = join(t, sessions, sessions.c.project_id == t.c.id)
_SESSION_BY_ID = select(*_SESSION, source=_IN_SESSION, project=False).where(
    sessions.c.id == param("id"), _SESSION_VISIBLE
)
_OF_AGENT = select(t.c.id, source=join(t, agents, agents.c.project_id == t.c.id), project=False).where(
    agents.c.id == param("id"), _AGENT_VISIBLE
)

_OF_MEMORY = select(
    t.c.id,
    source=join(join(t, agents, agents.c.project_id == t.c.id), memories, memories.c.agent_id == agents.c.id),
    project=False,
).where(memories.c.id == param("id"), memories.c.project_id == t.c.id, _AGENT_VISIBLE)


def _place_of(things: sa.Table) -> sa.Select[tuple[UUID, UUID]]:
    """Where a thing of a session lies: its project and its session."""
    source = join(_IN_SESSION, things, things.c.session_id == sessions.c.id)
    return select(t.c.id, sessions.c.id, source=source, project=False).where(
        things.c.id == param("id"), _SESSION_VISIBLE
    )


_OF_MESSAGE, _OF_RUN = _place_of(messages), _place_of(runs)


def project_of(row: Row) -> Project:
    """A project from its columns."""
    return Project(*row)


class SqlProjects:
    """One user's projects."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def page(self, request: PageRequest) -> Page[Project]:
        return keyset_page(
            self._rows,
            _PROJECTS,
            count=_COUNT,
            order=(t.c.created_at, t.c.id),
            request=request,
            entity=project_of,
        )

    def many(self, ids: Collection[UUID]) -> Mapping[UUID, Project]:
        found = self._rows.all(_MANY, ids=list(ids)) if ids else ()
        return {row[0]: project_of(row) for row in found}

    def lock(self, project_id: UUID) -> Project | None:
        row = self._rows.one(_LOCK, id=project_id)
        return project_of(row) if row else None

    def count(self) -> int:
        """Visible projects, counted while the user's row is held: whoever adds one must come through here."""
        self._rows.one(_LOCK_USER)
        row = self._rows.one(_COUNT)
        return int(row[0]) if row else 0

    def add(self, project_id: UUID, *, name: str, workspace_path: str | None) -> None:
        with conflict_on(TAKEN, NAME):
            self._rows.insert(
                t,
                {
                    "id": project_id,
                    "name": name,
                    "name_folded": folded(name),
                    "workspace_path": workspace_path,
                },
            )

    def save(self, project_id: UUID, *, name: str, workspace_path: str | None) -> None:
        with conflict_on(TAKEN, NAME):
            self._rows.run(_SAVE, id=project_id, name=name, folded=folded(name), path=workspace_path)

    def bury(self, project_id: UUID) -> bool:
        if self._rows.run(_BURY, id=project_id) == 0:
            return False
        self._rows.all(_LOCK_SLOTS, id=project_id)
        self._rows.run(_CLOSE_SLOTS, id=project_id)
        return True

    def session(self, session_id: UUID) -> Session | None:
        row = self._rows.one(_SESSION_BY_ID, id=session_id)
        return Session(*row) if row else None

    def of_agent(self, agent_id: UUID) -> UUID | None:
        row = self._rows.one(_OF_AGENT, id=agent_id)
        return row[0] if row else None

    def of_memory(self, memory_id: UUID) -> UUID | None:
        row = self._rows.one(_OF_MEMORY, id=memory_id)
        return row[0] if row else None

    def of_message(self, message_id: UUID) -> tuple[UUID, UUID] | None:
        row = self._rows.one(_OF_MESSAGE, id=message_id)
        return (row[0], row[1]) if row else None

    def of_run(self, run_id: UUID) -> tuple[UUID, UUID] | None:
        row = self._rows.one(_OF_RUN, id=run_id)
        return (row[0], row[1]) if row else None

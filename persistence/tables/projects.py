"""Tables of projects and their orchestrator."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import SQLModel

from persistence.tables.columns import integer, key, references, text, time
from persistence.tables.metadata import table_of

LIVE = sa.text("deleted_at IS NULL")


class ProjectRow(SQLModel, table=True):
    """What holds agents and sessions."""

    __tablename__ = "projects"
    __table_args__ = (
        references("user_id", to="users(user_id)"),
        sa.Index(
            "uq_projects_name",
            "user_id",
            "name_folded",
            unique=True,
            sqlite_where=LIVE,
            postgresql_where=LIVE,
        ),
    )
    user_id: UUID = key()
    id: UUID = key()
    name: str = text()
    name_folded: str = text()
    workspace_path: str | None = text(nullable=True)
    created_at: datetime = time()
    updated_at: datetime = time()
    deleted_at: datetime | None = time(nullable=True)


class OrchestratorRow(SQLModel, table=True):
    """A project's planner settings; no row means the defaults."""

    __tablename__ = "orchestrators"
    __table_args__ = (references("user_id", "project_id", to="projects(user_id, id)"),)
    user_id: UUID = key()
    project_id: UUID = key()
    model_provider: str = text()
    model_name: str = text()
    prompt: str = text()
    approve_from_tasks: int = integer()
    approve_from_cost_micro_usd: int = integer()
    max_tasks: int = integer()


projects = table_of(ProjectRow)
orchestrators = table_of(OrchestratorRow)

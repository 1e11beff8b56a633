"""Tables of agents, their versions and their slots."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from persistence.tables.columns import flag, integer, json, key, real, references, text, time, uuid
from persistence.tables.metadata import table_of
from persistence.tables.projects import LIVE


class AgentRow(SQLModel, table=True):
    """An agent; what can be edited lies in its current version."""

    __tablename__ = "agents"
    __table_args__ = (
        references("user_id", "project_id", to="projects(user_id, id)"),
        sa.UniqueConstraint("user_id", "project_id", "id"),
        sa.Index(
            "uq_agents_handle",
            "user_id",
            "project_id",
            "handle_folded",
            unique=True,
            sqlite_where=LIVE,
            postgresql_where=LIVE,
        ),
    )
    user_id: UUID = key()
    id: UUID = key()
    project_id: UUID = uuid()
    handle_folded: str = text()
    version: int = integer()
    is_active: bool = flag(default=True)
    created_at: datetime = time()
    updated_at: datetime = time()
    deleted_at: datetime | None = time(nullable=True)


class AgentVersionRow(SQLModel, table=True):
    """An agent's settings at one version; never changed once written."""

    __tablename__ = "agent_versions"
    __table_args__ = (references("user_id", "project_id", "agent_id", to="agents(user_id, project_id, id)"),)
    user_id: UUID = key()
    agent_id: UUID = key()
    version: int = Field(sa_type=sa.BigInteger, primary_key=True)
    project_id: UUID = uuid()
    name: str = text()
    handle: str = text()
    role: str = text()
    capabilities: list[str] = json()
    system_prompt: str = text()
    model_provider: str = text()
    model_name: str = text()
    temperature: float = real()
    max_tokens: int = integer()
    concurrency_limit: int = integer()
    tools: list[dict[str, object]] = json()
    created_at: datetime = time()


class AgentSlotRow(SQLModel, table=True):
    """An agent's counters. Admission and claims change them by conditional UPDATE, never by counting rows.

    `ticket` numbers what was admitted; `last_served` orders agents and users for fairness.
    """

    __tablename__ = "agent_slots"
    __table_args__ = (
        references("user_id", "project_id", "agent_id", to="agents(user_id, project_id, id)"),
        sa.CheckConstraint("waiting >= 0", name="waiting_not_negative"),
        sa.CheckConstraint("running >= 0", name="running_not_negative"),
        sa.Index(
            "ix_agent_slots_waiting",
            "waiting",
            sqlite_where=sa.text("waiting > 0"),
            postgresql_where=sa.text("waiting > 0"),
        ),
    )
    user_id: UUID = key()
    agent_id: UUID = key()
    project_id: UUID = uuid()
    waiting: int = integer(default=0)
    running: int = integer(default=0)
    running_limit: int = integer()
    ticket: int = integer(default=0)
    last_served: datetime | None = time(nullable=True)
    processed: int = integer(default=0)
    failed: int = integer(default=0)
    consecutive_failures: int = integer(default=0)
    total_s: float = real(default=0)
    last_active_at: datetime | None = time(nullable=True)


agents = table_of(AgentRow)
agent_versions = table_of(AgentVersionRow)
agent_slots = table_of(AgentSlotRow)

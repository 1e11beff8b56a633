"""Tables of the engine: tasks (queue and journal), steps, and what was spent."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from domain.tasks.entities import TaskStatus, WaitingOn
from persistence.tables.columns import flag, integer, json, key, one_of, real, references, text, time, uuid
from persistence.tables.metadata import table_of


class TaskRow(SQLModel, table=True):
    """One agent's piece of work.

    A claim sets `lease_until`, `worker_id` and raises `fence`; every later write names the fence.
    `after_message_id` is an answer that must be finished first (the branch's previous answer).
    """

    __tablename__ = "tasks"
    __table_args__ = (
        references("user_id", "project_id", "session_id", to="sessions(user_id, project_id, id)"),
        references("user_id", "session_id", "run_id", to="runs(user_id, session_id, id)"),
        references("user_id", "project_id", "agent_id", to="agents(user_id, project_id, id)"),
        references("user_id", "session_id", "answer_id", to="messages(user_id, session_id, id)"),
        sa.UniqueConstraint("user_id", "project_id", "id"),
        sa.Index("ix_tasks_run", "user_id", "session_id", "run_id"),
        sa.Index(
            "ix_tasks_queued",
            "user_id",
            "agent_id",
            "ticket",
            sqlite_where=sa.text("status = 'QUEUED'"),
            postgresql_where=sa.text("status = 'QUEUED'"),
        ),
        sa.Index(
            "ix_tasks_leased",
            "lease_until",
            sqlite_where=sa.text("status = 'RUNNING'"),
            postgresql_where=sa.text("status = 'RUNNING'"),
        ),
        sa.Index("ix_tasks_finished", "user_id", "agent_id", "finished_at"),
        one_of("status", TaskStatus),
        one_of("waiting_on", WaitingOn),
    )
    user_id: UUID = key()
    id: UUID = key()
    project_id: UUID = uuid()
    session_id: UUID = uuid()
    run_id: UUID = uuid()
    agent_id: UUID = uuid()
    agent_version: int = integer()
    answer_id: UUID = uuid()
    after_message_id: UUID | None = uuid(nullable=True)
    key_: str = Field(sa_column=sa.Column("key", sa.Text, nullable=False))
    status: str = text()
    waiting_on: str | None = text(nullable=True)
    ticket: int = integer()
    attempt: int = integer(default=1)
    generation: int = integer(default=0)
    restarts: int = integer(default=0)
    fence: int = integer(default=0)
    worker_id: UUID | None = uuid(nullable=True)
    lease_until: datetime | None = time(nullable=True)
    problem: str | None = text(nullable=True)
    queued_at: datetime = time()
    started_at: datetime | None = time(nullable=True)
    finished_at: datetime | None = time(nullable=True)


class StepRow(SQLModel, table=True):
    """A recorded step of a task: one model response, never made again once it is here."""

    __tablename__ = "steps"
    __table_args__ = (references("user_id", "project_id", "task_id", to="tasks(user_id, project_id, id)"),)
    user_id: UUID = key()
    task_id: UUID = key()
    position: int = Field(sa_type=sa.BigInteger, primary_key=True)
    project_id: UUID = uuid()
    kind: str = text()
    response: dict[str, object] = json()
    created_at: datetime = time()


class UsageRow(SQLModel, table=True):
    """One model call that was paid, also when its answer was thrown away; outlives its message."""

    __tablename__ = "usage"
    __table_args__ = (
        references("user_id", "project_id", to="projects(user_id, id)"),
        sa.Index("ix_usage_at", "user_id", "project_id", "at"),
    )
    user_id: UUID = key()
    id: UUID = key()
    project_id: UUID = uuid()
    session_id: UUID = uuid()
    run_id: UUID = uuid()
    task_id: UUID = uuid()
    agent_id: UUID = uuid()
    model: str = text()
    input_tokens: int = integer()
    output_tokens: int = integer()
    cost_micro_usd: int = integer()
    price_known: bool = flag(default=True)
    estimated: bool = flag(default=False)
    seconds: float = real()
    at: datetime = time()


tasks = table_of(TaskRow)
steps = table_of(StepRow)
usage = table_of(UsageRow)

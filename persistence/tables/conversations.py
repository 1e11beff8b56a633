"""Tables of sessions, messages, runs and events."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from domain.conversations.entities import Author, MessageStatus, RunMode, RunStatus
from persistence.tables.columns import integer, json, key, one_of, real, references, text, time, uuid
from persistence.tables.metadata import table_of


class SessionRow(SQLModel, table=True):
    """A chat. `seq` is the position of its newest event, `oldest_seq` that of the oldest one kept.

    `title_folded` is what is searched: databases fold the case of other scripts differently, or not at all.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        references("user_id", "project_id", to="projects(user_id, id)"),
        sa.UniqueConstraint("user_id", "project_id", "id"),
        sa.UniqueConstraint("user_id", "project_id", "idempotency_key"),
        sa.Index("ix_sessions_recent", "user_id", "project_id", "updated_at", "id"),
    )
    user_id: UUID = key()
    id: UUID = key()
    project_id: UUID = uuid()
    title: str = text()
    title_folded: str = text()
    head_id: UUID | None = uuid(nullable=True)
    seq: int = integer(default=0)
    oldest_seq: int = integer(default=1)
    active_runs: int = integer(default=0)
    last_served: datetime | None = time(nullable=True)
    idempotency_key: str | None = text(nullable=True)
    input_hash: str | None = text(nullable=True)
    created_at: datetime = time()
    updated_at: datetime = time()
    deleted_at: datetime | None = time(nullable=True)


class MessageRow(SQLModel, table=True):
    """One node of a session's tree; keeps the agent's name, handle and version as they were.

    `run_id` has no foreign key: runs point at messages, and a cycle could be neither created nor
    purged in batches; it is only ever read together with the owner and the session.
    `position` is the seq of the event that announced the message: siblings are ordered by it.
    """

    __tablename__ = "messages"
    __table_args__ = (
        references("user_id", "project_id", "session_id", to="sessions(user_id, project_id, id)"),
        sa.UniqueConstraint("user_id", "session_id", "id"),
        references(
            "user_id", "session_id", "parent_id", to="messages(user_id, session_id, id)", ondelete="NO ACTION"
        ),
        sa.Index("ix_messages_parent", "user_id", "session_id", "parent_id"),
        one_of("author", Author),
        one_of("status", MessageStatus),
    )
    user_id: UUID = key()
    id: UUID = key()
    project_id: UUID = uuid()
    session_id: UUID = uuid()
    parent_id: UUID | None = uuid(nullable=True)
    depth: int = integer()
    position: int = integer()
    author: str = text()
    content: str = text()
    status: str = text()
    generation: int = integer(default=0)
    run_id: UUID | None = uuid(nullable=True)
    agent_id: UUID | None = uuid(nullable=True)
    agent_name: str | None = text(nullable=True)
    agent_handle: str | None = text(nullable=True)
    agent_version: int | None = integer(nullable=True)
    model: str | None = text(nullable=True)
    input_tokens: int | None = integer(nullable=True)
    output_tokens: int | None = integer(nullable=True)
    cost_micro_usd: int | None = integer(nullable=True)
    model_calls: int | None = integer(nullable=True)
    seconds: float | None = real(nullable=True)
    citations: list[dict[str, object]] | None = json(nullable=True)
    created_at: datetime = time()


class RunRow(SQLModel, table=True):
    """One answer being made; `input_hash` recognises a reused idempotency key."""

    __tablename__ = "runs"
    __table_args__ = (
        references("user_id", "project_id", "session_id", to="sessions(user_id, project_id, id)"),
        sa.UniqueConstraint("user_id", "session_id", "id"),
        sa.UniqueConstraint("user_id", "session_id", "idempotency_key"),
        references("user_id", "session_id", "question_id", to="messages(user_id, session_id, id)"),
        references("user_id", "session_id", "answer_id", to="messages(user_id, session_id, id)"),
        sa.Index("ix_runs_recent", "user_id", "session_id", "position"),
        sa.Index("ix_runs_question", "user_id", "session_id", "question_id"),
        sa.Index("ix_runs_answer", "user_id", "session_id", "answer_id"),
        one_of("mode", RunMode),
        one_of("status", RunStatus),
    )
    user_id: UUID = key()
    id: UUID = key()
    project_id: UUID = uuid()
    session_id: UUID = uuid()
    position: int = integer()
    mode: str = text()
    status: str = text()
    question_id: UUID = uuid()
    answer_id: UUID = uuid()
    agent_id: UUID | None = uuid(nullable=True)
    agent_name: str | None = text(nullable=True)
    agent_handle: str | None = text(nullable=True)
    agent_version: int | None = integer(nullable=True)
    confidence: float | None = real(nullable=True)
    reason: str | None = text(nullable=True)
    problem: str | None = text(nullable=True)
    model: str | None = text(nullable=True)
    input_tokens: int = integer(default=0)
    output_tokens: int = integer(default=0)
    cost_micro_usd: int = integer(default=0)
    model_calls: int = integer(default=0)
    seconds: float = real(default=0)
    idempotency_key: str = text()
    input_hash: str = text()
    created_at: datetime = time()
    started_at: datetime | None = time(nullable=True)
    finished_at: datetime | None = time(nullable=True)


class EventRow(SQLModel, table=True):
    """A session's log; (session, seq) is gap-free."""

    __tablename__ = "events"
    __table_args__ = (
        references("user_id", "project_id", "session_id", to="sessions(user_id, project_id, id)"),
        sa.Index("ix_events_at", "at"),
    )
    user_id: UUID = key()
    session_id: UUID = key()
    seq: int = Field(sa_type=sa.BigInteger, primary_key=True)
    project_id: UUID = uuid()
    kind: str = text()
    v: int = integer()
    data: dict[str, object] = json()
    at: datetime = time()


sessions = table_of(SessionRow)
messages = table_of(MessageRow)
runs = table_of(RunRow)
events = table_of(EventRow)

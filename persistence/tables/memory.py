"""Tables of memory: what agents remember, what the index must hear of and a model judge, and the collections there are."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from domain.memory.entities import DEFAULT_IMPORTANCE, MemoryKind
from persistence.tables.columns import flag, integer, key, one_of, real, references, text, time, uuid
from persistence.tables.metadata import table_of


class MemoryRow(SQLModel, table=True):
    """One thing that an agent remembers.

    `version` rises with each change that the index must hear of, `indexed_version` follows it. `text_folded`
    is what lists are filtered by; `subject` (folded) is what the text states something about.
    """

    __tablename__ = "memories"
    __table_args__ = (
        references("user_id", "project_id", "agent_id", to="agents(user_id, project_id, id)"),
        references("user_id", "project_id", "session_id", to="sessions(user_id, project_id, id)"),
        references("user_id", "session_id", "message_id", to="messages(user_id, session_id, id)"),
        sa.Index("ix_memories_recent", "user_id", "project_id", "agent_id", "created_at", "id"),
        sa.Index("ix_memories_content", "user_id", "agent_id", "content_hash"),
        sa.Index("ix_memories_message", "user_id", "session_id", "message_id"),
        sa.Index(
            "ix_memories_subject",
            "user_id",
            "agent_id",
            "subject",
            sqlite_where=sa.text("subject IS NOT NULL"),
            postgresql_where=sa.text("subject IS NOT NULL"),
        ),
        sa.Index(
            "ix_memories_superseded",
            "user_id",
            "superseded_by",
            sqlite_where=sa.text("superseded_by IS NOT NULL"),
            postgresql_where=sa.text("superseded_by IS NOT NULL"),
        ),
        one_of("kind", MemoryKind),
    )
    user_id: UUID = key()
    id: UUID = key()
    project_id: UUID = uuid()
    agent_id: UUID = uuid()
    kind: str = text()
    text_: str = Field(sa_column=sa.Column("text", sa.Text, nullable=False))
    text_folded: str = text()
    window_text: str = text()
    content_hash: str = text()
    subject: str | None = text(nullable=True)
    success: bool = flag(default=True)
    importance: float = real(default=DEFAULT_IMPORTANCE)
    pinned: bool = flag(default=False)
    message_id: UUID | None = uuid(nullable=True)
    run_id: UUID | None = uuid(nullable=True)
    session_id: UUID | None = uuid(nullable=True)
    agent_version: int | None = integer(nullable=True)
    occurrences: int = integer(default=1)
    uses: int = integer(default=0)
    superseded_by: UUID | None = uuid(nullable=True)
    version: int = integer(default=1)
    indexed_version: int = integer(default=0)
    problem: str | None = text(nullable=True)
    created_at: datetime = time()
    last_used_at: datetime | None = time(nullable=True)


class OutboxRow(SQLModel, table=True):
    """Something that the index must hear of: a memory, or (`memory_id` is the agent's) that an agent is gone.

    It names no other row by a foreign key: it must outlive what it tells of. `change` rises when there is
    more to tell; who has told the index removes the row only at the change that they read. What is `refused`
    is a text that an embedder does not take: it is offered again now and then, and nothing waits for it.
    """

    __tablename__ = "outbox"
    __table_args__ = (sa.Index("ix_outbox_due", "due_at"),)
    user_id: UUID = key()
    memory_id: UUID = key()
    project_id: UUID = uuid()
    agent_id: UUID = uuid()
    change: int = integer(default=1)
    attempts: int = integer(default=0)
    refused: bool = flag(default=False)
    due_at: datetime = time()
    created_at: datetime = time()


class CollectionRow(SQLModel, table=True):
    """One collection of the index. It belongs to the deployment and has no owner; see `domain.memory.collections`.

    `position` holds keys of the agent and the memory that were told last, and is empty once all were.
    """

    __tablename__ = "memory_collections"
    generation: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    model: str = text()
    dimension: int = integer()
    version: int = integer()
    beginnings: int = integer(default=0)
    position: str = text()
    total: int = integer(default=0)
    told: int = integer(default=0)
    problem: str | None = text(nullable=True)
    asked_at: datetime = time()
    told_at: datetime | None = time(nullable=True)
    ready_at: datetime | None = time(nullable=True)
    retired_at: datetime | None = time(nullable=True)
    removed_at: datetime | None = time(nullable=True)


class ReviewRow(SQLModel, table=True):
    """A memory that a model has to judge. A row of a memory that is gone goes when it is due."""

    __tablename__ = "reviews"
    __table_args__ = (
        references("user_id", "project_id", "agent_id", to="agents(user_id, project_id, id)"),
        sa.Index("ix_reviews_due", "due_at"),
    )
    user_id: UUID = key()
    memory_id: UUID = key()
    project_id: UUID = uuid()
    agent_id: UUID = uuid()
    attempts: int = integer(default=0)
    due_at: datetime = time()
    created_at: datetime = time()


memories = table_of(MemoryRow)
outbox = table_of(OutboxRow)
collections = table_of(CollectionRow)
reviews = table_of(ReviewRow)

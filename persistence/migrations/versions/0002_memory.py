"""Memories, and the outbox to their index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from persistence.tables.columns import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MINE = "user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)"


def _secure() -> None:
    """Row-level security as for all tables; what the unowned role may do is only to take what is due."""
    for table in ("memories", "outbox"):
        for statement in (
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO codelab_owner",
            f"CREATE POLICY owner ON {table} TO codelab_owner USING ({MINE}) WITH CHECK ({MINE})",
        ):
            op.execute(statement)
    op.execute("GRANT SELECT, UPDATE ON outbox TO codelab_unowned")
    op.execute("CREATE POLICY unowned ON outbox TO codelab_unowned USING (true)")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "outbox",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("memory_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("change", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "memory_id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_due", ["due_at"], unique=False)

    op.create_table(
        "memories",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_folded", sa.Text(), nullable=False),
        sa.Column("window_text", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("importance", sa.Double(), server_default="0.5", nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("agent_version", sa.BigInteger(), nullable=True),
        sa.Column("occurrences", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("uses", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("indexed_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("last_used_at", UtcTime(), nullable=True),
        sa.CheckConstraint("kind IN ('INTERACTION', 'FACT', 'NOTE')", name=op.f("ck_memories_kind_known")),
        sa.ForeignKeyConstraint(
            ["user_id", "project_id", "agent_id"],
            ["agents.user_id", "agents.project_id", "agents.id"],
            name=op.f("fk_memories_user_id_project_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id", "project_id", "session_id"],
            ["sessions.user_id", "sessions.project_id", "sessions.id"],
            name=op.f("fk_memories_user_id_project_id_session_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id", "session_id", "message_id"],
            ["messages.user_id", "messages.session_id", "messages.id"],
            name=op.f("fk_memories_user_id_session_id_message_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_memories")),
    )
    with op.batch_alter_table("memories", schema=None) as batch_op:
        batch_op.create_index("ix_memories_content", ["user_id", "agent_id", "content_hash"], unique=False)
        batch_op.create_index("ix_memories_message", ["user_id", "session_id", "message_id"], unique=False)
        batch_op.create_index(
            "ix_memories_recent", ["user_id", "project_id", "agent_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_memories_subject",
            ["user_id", "agent_id", "subject"],
            unique=False,
            sqlite_where=sa.text("subject IS NOT NULL"),
            postgresql_where=sa.text("subject IS NOT NULL"),
        )
    if op.get_bind().dialect.name == "postgresql":
        _secure()


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("memories", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_memories_subject",
            sqlite_where=sa.text("subject IS NOT NULL"),
            postgresql_where=sa.text("subject IS NOT NULL"),
        )
        batch_op.drop_index("ix_memories_recent")
        batch_op.drop_index("ix_memories_message")
        batch_op.drop_index("ix_memories_content")

    op.drop_table("memories")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_due")

    op.drop_table("outbox")

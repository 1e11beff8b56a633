"""What a model has to judge of memories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from persistence.tables.columns import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MINE = "user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)"


def _secure() -> None:
    """Row-level security as for all tables; what the unowned role may do is only to take what is due."""
    for statement in (
        "ALTER TABLE reviews ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE reviews FORCE ROW LEVEL SECURITY",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON reviews TO codelab_owner",
        f"CREATE POLICY owner ON reviews TO codelab_owner USING ({MINE}) WITH CHECK ({MINE})",
        "GRANT SELECT, UPDATE ON reviews TO codelab_unowned",
        "CREATE POLICY unowned ON reviews TO codelab_unowned USING (true)",
    ):
        op.execute(statement)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "reviews",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("memory_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "project_id", "agent_id"],
            ["agents.user_id", "agents.project_id", "agents.id"],
            name=op.f("fk_reviews_user_id_project_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "memory_id", name=op.f("pk_reviews")),
    )
    with op.batch_alter_table("reviews", schema=None) as batch_op:
        batch_op.create_index("ix_reviews_due", ["due_at"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        _secure()


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("reviews", schema=None) as batch_op:
        batch_op.drop_index("ix_reviews_due")

    op.drop_table("reviews")

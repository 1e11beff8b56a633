"""The collections of the memory index, which belong to the deployment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from persistence.tables.columns import UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _secure() -> None:
    """Nobody's rows: the owner's role does not see them, and the unowned one may not delete them."""
    for statement in (
        "ALTER TABLE memory_collections ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE memory_collections FORCE ROW LEVEL SECURITY",
        "GRANT SELECT, INSERT, UPDATE ON memory_collections TO codelab_unowned",
        "CREATE POLICY unowned ON memory_collections TO codelab_unowned USING (true) WITH CHECK (true)",
    ):
        op.execute(statement)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "memory_collections",
        sa.Column("generation", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("dimension", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("beginnings", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("told", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("asked_at", UtcTime(), nullable=False),
        sa.Column("told_at", UtcTime(), nullable=True),
        sa.Column("ready_at", UtcTime(), nullable=True),
        sa.Column("retired_at", UtcTime(), nullable=True),
        sa.Column("removed_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("generation", name=op.f("pk_memory_collections")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _secure()


def downgrade() -> None:
    """Undo."""
    op.drop_table("memory_collections")

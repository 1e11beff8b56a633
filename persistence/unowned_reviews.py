"""The statement without an owner that finds what a model has to judge; see `persistence.unowned`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from domain.memory.review_ports import ReviewKey
from persistence.prepared import rows
from persistence.statements import after, now
from persistence.tables.memory import reviews

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persistence.database import Database

_ROW = (reviews.c.user_id, reviews.c.memory_id)
_DUE = (
    sa.update(reviews)
    .where(
        sa.tuple_(*_ROW).in_(
            sa.select(*_ROW)
            .where(reviews.c.due_at <= now())
            .order_by(reviews.c.due_at)
            .limit(sa.bindparam("limit", type_=sa.Integer))
            .with_for_update(skip_locked=True)
        )
    )
    .values(due_at=after(sa.bindparam("lease", type_=sa.Double)), attempts=reviews.c.attempts + 1)
    .returning(
        reviews.c.user_id,
        reviews.c.project_id,
        reviews.c.agent_id,
        reviews.c.memory_id,
        reviews.c.attempts,
    )
)


class UnownedReviews:
    """Takes what is due."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, *, limit: int, lease_s: float) -> Sequence[ReviewKey]:
        """The reviewer: what was learned is of all users; taken for the time of the lease, and counted."""
        values = {"limit": limit, "lease": lease_s}

        def work(connection: sa.Connection) -> list[ReviewKey]:
            return [ReviewKey(*row) for row in rows(connection, _DUE, values)]

        return await self._database.write(work, user_id=None)

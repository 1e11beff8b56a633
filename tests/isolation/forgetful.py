"""A memory index that keeps nobody apart, so that all depends on who reads what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domain.memory.ports import IndexHit, IndexQuery, Space, Tenant
from persistence.memory.absent_index import AbsentIndex
from tests.isolation.rows import Row, Rows


class ForgetfulIndex(AbsentIndex):
    """Finds the memories of everybody that contain the text and were learned in the session, whoever asks."""

    def __init__(self) -> None:
        self._rows: Sequence[Row] = ()

    def learn(self, rows: Rows) -> None:
        """Hold all memories that are stored."""
        self._rows = rows["memories"]

    async def search(self, space: Space, tenant: Tenant, query: IndexQuery) -> Sequence[IndexHit]:
        del space, tenant
        return [
            IndexHit(memory_id, 1, 1.0)
            for row in self._rows
            if query.text in str(row["text"])
            and query.session_id in {None, row["session_id"]}
            and isinstance(memory_id := row["id"], UUID)
        ]

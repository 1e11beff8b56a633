"""Forgetting: one memory, or all that an agent remembers."""

from __future__ import annotations

from uuid import UUID

from domain.errors import NotFound
from domain.memory.hints import wake
from domain.memory.remember import found
from domain.scopes import UserScope, UserTx

BATCH = 500
"""Memories removed in one transaction."""


async def forget_memory(scope: UserScope, memory_id: UUID) -> None:
    """Remove a memory for good, from the index too.

    Raises:
        NotFound: no such memory.
    """

    def work(tx: UserTx) -> None:
        memory = found(tx, memory_id)
        p = tx.project(memory.project_id)
        p.memories.forget([memory_id])
        wake(p)

    await scope.write(work)


async def clear_memory(scope: UserScope, agent_id: UUID) -> int:
    """Remove all that an agent remembers, pinned or not; returns how much that was.

    It goes in small transactions, so that a large memory keeps nobody waiting; what was removed before a
    failure stays removed.

    Raises:
        NotFound: no such agent.
    """

    def work(tx: UserTx) -> int:
        project_id = tx.projects.of_agent(agent_id)
        if project_id is None:
            raise NotFound("agent")
        p = tx.project(project_id)
        count = p.memories.forget_some(agent_id, limit=BATCH)
        wake(p)
        return count

    cleared = 0
    while count := await scope.write(work):
        cleared += count
    return cleared

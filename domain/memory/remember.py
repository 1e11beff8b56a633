"""Writing a note into an agent's memory."""

from __future__ import annotations

import asyncio
from uuid import UUID

from domain.errors import LimitExceeded, NotFound
from domain.memory.entities import DEFAULT_LIMIT, NOTE_IMPORTANCE, Memory, MemoryKind, NewMemory
from domain.memory.hints import wake
from domain.memory.review import ask
from domain.memory.similar import content_hash, subject_of
from domain.memory.validate import checked_importance, checked_text
from domain.ports import NewId
from domain.scopes import UserScope, UserTx

INDEXED_WITHIN_S = 2.0
"""How long a writer waits for their memory to be found by searches; then it says that it is not yet."""
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.02, 0.2


class Remember:
    """Stores notes. `limit` is how many memories one agent may have; `reviewed`, whether a model judges new ones."""

    def __init__(self, *, new_id: NewId, limit: int = DEFAULT_LIMIT, reviewed: bool = False) -> None:
        self._new_id = new_id
        self._limit = limit
        self._reviewed = reviewed

    async def note(
        self, scope: UserScope, agent_id: UUID, text: str, *, importance: float | None = None
    ) -> Memory:
        """Store a note, and wait up to two seconds until it can be found. The same note twice is one.

        Raises:
            Invalid: the text or the importance. NotFound: the agent. LimitExceeded: its memory is full.
        """
        plain = checked_text(text)
        weight = NOTE_IMPORTANCE if importance is None else checked_importance(importance)
        new = NewMemory(
            id=self._new_id(),
            agent_id=agent_id,
            kind=MemoryKind.NOTE,
            text=plain,
            content_hash=content_hash(plain),
            importance=weight,
            subject=subject_of(plain),
        )

        def work(tx: UserTx) -> UUID:
            project_id = tx.projects.of_agent(agent_id)
            if project_id is None:
                raise NotFound("agent")
            p = tx.project(project_id)
            if p.memories.count(agent_id) >= self._limit:
                message = f"This agent remembers {self._limit:,} things, which is the most that it may."
                raise LimitExceeded(message, limit=self._limit)
            memory_id = p.memories.add(new)
            if new.subject is not None:
                p.memories.supersede(agent_id, subject=new.subject, by=memory_id)
            if self._reviewed and memory_id == new.id:
                ask(p, memory_id, agent_id)
            wake(p)
            return memory_id

        return await indexed(scope, await scope.write(work))


async def indexed(scope: UserScope, memory_id: UUID) -> Memory:
    """The memory as soon as it can be found by searches, or as it is after two seconds.

    Raises:
        NotFound: it is gone.
    """
    loop, pause_s = asyncio.get_running_loop(), _FIRST_PAUSE_S
    deadline = loop.time() + INDEXED_WITHIN_S
    while True:
        memory = await scope.read_once(lambda tx: found(tx, memory_id))
        if memory.indexed or memory.problem or loop.time() >= deadline:
            return memory
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LAST_PAUSE_S)


def found(tx: UserTx, memory_id: UUID) -> Memory:
    """A memory of the user's.

    Raises:
        NotFound: there is none.
    """
    project_id = tx.projects.of_memory(memory_id)
    memory = tx.project(project_id).memories.many([memory_id]).get(memory_id) if project_id else None
    if memory is None:
        raise NotFound("memory")
    return memory

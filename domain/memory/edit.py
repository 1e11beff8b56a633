"""Changing a memory's text, and keeping it for good."""

from __future__ import annotations

from uuid import UUID

from domain.errors import NotFound
from domain.memory.entities import Memory
from domain.memory.hints import wake
from domain.memory.remember import found, indexed
from domain.memory.similar import content_hash, subject_of
from domain.memory.validate import checked_text
from domain.scopes import UserScope, UserTx


async def edit_memory(scope: UserScope, memory_id: UUID, text: str) -> Memory:
    """Give a memory another text, and wait up to two seconds until that can be found.

    Raises:
        Invalid: the text. NotFound: no such memory.
    """
    plain = checked_text(text)
    subject = subject_of(plain)

    def work(tx: UserTx) -> None:
        memory = found(tx, memory_id)
        p = tx.project(memory.project_id)
        if not p.memories.edit(memory_id, text=plain, content_hash=content_hash(plain), subject=subject):
            raise NotFound("memory")
        if subject is not None:
            p.memories.supersede(memory.agent_id, subject=subject, by=memory_id)
        wake(p)

    await scope.write(work)
    return await indexed(scope, memory_id)


async def pin_memory(scope: UserScope, memory_id: UUID, *, pinned: bool) -> Memory:
    """Keep a memory from pruning, or not any more.

    Raises:
        NotFound: no such memory.
    """

    def work(tx: UserTx) -> Memory:
        memory = found(tx, memory_id)
        tx.project(memory.project_id).memories.pin(memory_id, pinned=pinned)
        return found(tx, memory_id)

    return await scope.write(work)

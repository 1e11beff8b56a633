"""Writing memories' current state to one collection of the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.memory.entities import Memory
from domain.memory.ports import MemoryIndex, OutboxKey, Point, Tenant, Vector
from domain.memory.serving import Served


async def store(
    index: MemoryIndex, to: Served, keys: Sequence[OutboxKey], memories: Mapping[UUID, Memory]
) -> Mapping[UUID, Vector]:
    """Let a collection hear of keys: those without a memory are forgotten first. The vectors of the texts.

    Raises:
        IndexUnavailable: it does not answer. EmbeddingFailed: there are no vectors; what is gone is forgotten.
    """
    groups = _by_tenant(keys)
    for tenant, here in groups.items():
        if any(key.is_whole_agent for key in here):
            await index.drop(to.space, tenant)
        if gone := [key.memory_id for key in here if key.memory_id not in memories]:
            await index.delete(to.space, tenant, gone)
    texts, windows = await _vectors(to, list(memories.values()))
    for tenant, here in groups.items():
        present = [memories[key.memory_id] for key in here if key.memory_id in memories]
        if points := [_point(it, texts[it.id], windows.get(it.id, ())) for it in present]:
            await index.upsert(to.space, tenant, points)
    return texts


async def _vectors(
    to: Served, memories: Sequence[Memory]
) -> tuple[Mapping[UUID, Vector], Mapping[UUID, Vector]]:
    with_window = [memory for memory in memories if memory.window]
    wanted = [memory.text for memory in memories] + [memory.window for memory in with_window]
    vectors = list(await to.embed(wanted)) if wanted else []
    texts = {memory.id: vector for memory, vector in zip(memories, vectors, strict=False)}
    behind = vectors[len(memories) :]
    return texts, {memory.id: vector for memory, vector in zip(with_window, behind, strict=True)}


def _by_tenant(keys: Sequence[OutboxKey]) -> Mapping[Tenant, list[OutboxKey]]:
    groups: dict[Tenant, list[OutboxKey]] = defaultdict(list)
    for key in keys:
        groups[key.tenant].append(key)
    return groups


def _point(memory: Memory, dense: Vector, window: Vector) -> Point:
    return Point(
        memory_id=memory.id,
        version=memory.version,
        text=memory.text,
        dense=dense,
        kind=memory.kind,
        success=memory.success,
        created_at=memory.created_at,
        session_id=memory.source.session_id,
        window_text=memory.window,
        window=window,
    )

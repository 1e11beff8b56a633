"""Writing memories' current state to one collection of the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.memory.entities import Memory
from domain.memory.ports import MemoryIndex, OutboxKey, Point, Tenant, TextRefused, Vector
from domain.memory.serving import Served

_Pair = tuple[Vector, Vector]
"""Of the text, and of the window; the latter is empty where there is none."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The vectors of the texts that a collection has, and why it does not have the others."""

    vectors: Mapping[UUID, Vector]
    refused: Mapping[UUID, str]


async def store(
    index: MemoryIndex, to: Served, keys: Sequence[OutboxKey], memories: Mapping[UUID, Memory]
) -> Stored:
    """Let a collection hear of keys: those without a memory are forgotten first, those that are refused too.

    Raises:
        IndexUnavailable: it does not answer. EmbeddingFailed: there are no vectors; what is gone is forgotten.
    """
    groups = _by_tenant(keys)
    for tenant, here in groups.items():
        if any(key.is_whole_agent for key in here):
            await index.drop(to.space, tenant)
        if gone := [key.memory_id for key in here if key.memory_id not in memories]:
            await index.delete(to.space, tenant, gone)
    vectors, refused = await _vectors(to, list(memories.values()))
    for tenant, here in groups.items():
        if not_any_more := [key.memory_id for key in here if key.memory_id in refused]:
            await index.delete(to.space, tenant, not_any_more)
        present = [memories[key.memory_id] for key in here if key.memory_id in vectors]
        if points := [_point(it, *vectors[it.id]) for it in present]:
            await index.upsert(to.space, tenant, points)
    return Stored({memory_id: text for memory_id, (text, _) in vectors.items()}, refused)


async def _vectors(to: Served, memories: Sequence[Memory]) -> tuple[Mapping[UUID, _Pair], Mapping[UUID, str]]:
    """The vectors of text and window by memory; where one is refused, one after the other, to see which."""
    try:
        return await _embedded(to, memories), {}
    except TextRefused:
        pass
    vectors, refused = dict[UUID, _Pair](), dict[UUID, str]()
    for memory in memories:
        try:
            vectors |= await _embedded(to, [memory])
        except TextRefused as error:
            refused[memory.id] = error.message
    return vectors, refused


async def _embedded(to: Served, memories: Sequence[Memory]) -> Mapping[UUID, _Pair]:
    with_window = [memory for memory in memories if memory.window]
    wanted = [memory.text for memory in memories] + [memory.window for memory in with_window]
    vectors = list(await to.embed(wanted)) if wanted else []
    behind = vectors[len(memories) :]
    windows = {memory.id: vector for memory, vector in zip(with_window, behind, strict=True)}
    texts = zip(memories, vectors, strict=False)
    return {memory.id: (vector, windows.get(memory.id, ())) for memory, vector in texts}


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

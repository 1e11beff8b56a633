"""What an engine found, checked and made what the port gives; the same for every engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from domain.memory.ports import IndexHit, IsolationViolation, Likeness, Tenant
from persistence.qdrant import fusion, plan

Scores = Mapping[int, float]
"""By the number of a point's id, not by memory; to hash the id itself takes six times as long."""


class Own(NamedTuple):
    """A point that is the tenant's; the memory's id as it is stored, which sorts as ids do."""

    memory_id: str
    version: int


def own(tenant: Tenant, payload: Mapping[str, Any] | None) -> Own:
    """Read a point that was found, which must be the tenant's: filters are trusted, and checked.

    Raises:
        IsolationViolation: It is not.
    """
    if payload is None or payload.get("tenant") != tenant.key:
        raise IsolationViolation("the index found a point of another tenant")
    return Own(payload["memory_id"], payload["version"])


def fused(rankings: Iterable[Scores], *, limit: int) -> tuple[Scores, Sequence[int]]:
    """Fuse rankings; also whatever may be among the best. To read all that was ranked would take longer."""
    scores = fusion.fused(fusion.heads(rankings, plan.depth(limit)))
    return scores, fusion.candidates(scores, limit)


def hits(scores: Scores, found: Mapping[int, Own], *, limit: int) -> Sequence[IndexHit]:
    """The best of what was found; equals by the memory's id."""
    versions = {each.memory_id: each.version for each in found.values()}
    best = fusion.best(_by_memory(scores, found), limit)
    return [IndexHit(UUID(each), versions[each], score) for each, score in best.items()]


def likenesses(scores: Scores, found: Mapping[int, Own], *, limit: int) -> Sequence[Likeness]:
    """The most alike of what was found; equals by the memory's id."""
    best = fusion.best(_by_memory(scores, found), limit)
    return [Likeness(UUID(each), score) for each, score in best.items()]


def _by_memory(scores: Scores, found: Mapping[int, Own]) -> Mapping[str, float]:
    return {each.memory_id: scores[point] for point, each in found.items()}

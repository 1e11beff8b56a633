"""Which of the memories that were found come first, and how many of them a prompt has room for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.memory.entities import Memory, Recalled
from domain.models.entities import estimated_tokens

RECALLED_LIMIT = 5
"""Memories in one prompt (spec S6)."""


@dataclass(frozen=True, slots=True)
class RankWeights:
    """What counts how much beside the relevance, which counts 1.

    `half_life` is the age, since the last use, at which half of `recency` is left; `use_half` is how often
    a memory was used when half of `use` is reached. A pinned memory is as important as can be.
    """

    importance: float
    recency: float
    use: float
    half_life: timedelta = timedelta(days=90)
    use_half: float = 4.0


WEIGHTS = RankWeights(importance=0.05, recency=0.01, use=0.02)
"""Recency is what `python -m benchmarks.recall` finds best on its tuning half. Its conversations say nothing
about importance and use: those are set so that a note passes what is a rank better, and use decides near ties."""


def ranked(found: Iterable[Recalled], *, now: datetime, weights: RankWeights = WEIGHTS) -> Sequence[Recalled]:
    """What the index found, with scores that also count importance, recency and use, in 0 to 1; ties by id.

    `found` has the index's own scores, of which only the part of the best one counts.
    """
    hits = list(found)
    best = max((hit.score for hit in hits), default=0.0)
    scored = [replace(hit, score=_score(hit, best=best, now=now, weights=weights)) for hit in hits]
    return sorted(scored, key=lambda hit: (-hit.score, hit.memory.id))


def within_budget(
    recalled: Iterable[Recalled], *, max_tokens: int, limit: int = RECALLED_LIMIT
) -> Sequence[Recalled]:
    """The first `limit` whose texts fit into `max_tokens` together; one that is too long is passed over."""
    taken: list[Recalled] = []
    left = max_tokens
    for each in recalled:
        tokens = estimated_tokens(each.memory.text)
        if len(taken) < limit and tokens <= left:
            taken.append(each)
            left -= tokens
    return taken


def _score(hit: Recalled, *, best: float, now: datetime, weights: RankWeights) -> float:
    memory = hit.memory
    relevance = hit.score / best if best > 0 else 0.0
    total = (
        _bounded(relevance)
        + weights.importance * (1.0 if memory.pinned else _bounded(memory.importance))
        + weights.recency * _recency(memory, now=now, half_life=weights.half_life)
        + weights.use * memory.uses / (memory.uses + weights.use_half)
    )
    return _bounded(total / (1 + weights.importance + weights.recency + weights.use))


def _recency(memory: Memory, *, now: datetime, half_life: timedelta) -> float:
    """1 for what is new or was just used, half of it after each half-life."""
    age = now - max(memory.created_at, memory.last_used_at or memory.created_at)
    return math.pow(0.5, max(age, timedelta()) / half_life)


def _bounded(value: float) -> float:
    return min(1.0, max(0.0, value))

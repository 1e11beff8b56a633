"""Several rankings of the same memories made one, by reciprocal ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeVar
from uuid import UUID

Ranked = TypeVar("Ranked", UUID, str)

K = 60
"""Dampens the first ranks: Cormack, Clarke and Buettcher, SIGIR 2009."""
SAME = 1e-6
"""Scores that differ by less, of 1 or of the greater one, are equal: engines add up in orders of their own."""


def fused(rankings: Iterable[Mapping[Ranked, float]]) -> Mapping[Ranked, float]:
    """Sum up 1 / (K + rank) over rankings, each given by its scores; the first rank is 0, as in Qdrant.

    What has the same score has the same rank. That is why this is not left to the engine: there equals follow
    each other as they happen to be stored, and get different scores for it.
    """
    sums: defaultdict[Ranked, float] = defaultdict(float)
    for scores in rankings:
        for each, rank in ranks(scores).items():
            sums[each] += 1 / (K + rank)
    return sums


def ranks(scores: Mapping[Ranked, float]) -> Mapping[Ranked, int]:
    """How many are better than each, by score."""
    found: dict[Ranked, int] = {}
    rank, its_score = 0, float("inf")
    for position, (each, score) in enumerate(sorted(scores.items(), key=lambda item: -item[1])):
        if not same(its_score, score):
            rank, its_score = position, score
        found[each] = rank
    return found


def same(greater: float, score: float) -> bool:
    """Whether two scores are equal, but for how they were computed."""
    return greater - score <= SAME * max(1.0, score)


def heads(rankings: Iterable[Mapping[Ranked, float]], size: int) -> Sequence[Mapping[Ranked, float]]:
    """The best `size` of each, without those that have an equal beyond: which of them came along is chance.

    So a ranking whose best are all equal says nothing, unless they all are such; then chance has to do.
    """
    given = list(rankings)
    told = [_head(each, size) for each in given]
    return told if any(told) else [dict(islice(each.items(), size)) for each in given]


def _head(scores: Mapping[Ranked, float], size: int) -> Mapping[Ranked, float]:
    if len(scores) <= size:
        return scores
    order = sorted(scores.items(), key=lambda item: -item[1])
    beyond = order[size][1]
    return dict(each for each in order[:size] if not same(each[1], beyond))


def candidates(scores: Mapping[Ranked, float], limit: int) -> Sequence[Ranked]:
    """Whatever may be among the best `limit`: equals of the last one are."""
    rank = ranks(scores)
    return [each for each in scores if rank[each] < limit]


def best(scores: Mapping[Ranked, float], limit: int) -> Mapping[Ranked, float]:
    """The first `limit` by score, in order; equals by id."""
    rank = ranks(scores)
    return {each: scores[each] for each in sorted(scores, key=lambda each: (rank[each], each))[:limit]}

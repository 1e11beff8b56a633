"""Several rankings of the same memories made one, by reciprocal ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import TypeVar
from uuid import UUID

Ranked = TypeVar("Ranked", UUID, str, int)

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
        for each, rank in _ranked(scores):
            sums[each] += 1 / (K + rank)
    return sums


def ranks(scores: Mapping[Ranked, float]) -> Mapping[Ranked, int]:
    """How many are better than each, by score."""
    return dict(_ranked(scores))


def _ranked(scores: Mapping[Ranked, float]) -> Iterator[tuple[Ranked, int]]:
    """The best first. Each search comes here with hundreds: nothing is called for each of them."""
    rank, its_score = 0, float("inf")
    for position, each in enumerate(_in_order(scores)):
        score = scores[each]
        if its_score - score > SAME * max(1.0, score):  # not equal but for how it was computed
            rank, its_score = position, score
        yield each, rank


def _in_order(scores: Mapping[Ranked, float]) -> list[Ranked]:
    return sorted(scores, key=scores.__getitem__, reverse=True)


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
    order = _in_order(scores)
    beyond = scores[order[size]]
    equal = SAME * max(1.0, beyond)
    return {each: score for each in order[:size] if (score := scores[each]) - beyond > equal}


def candidates(scores: Mapping[Ranked, float], limit: int) -> Sequence[Ranked]:
    """Whatever may be among the best `limit`: equals of the last one are."""
    return [each for each, _ in takewhile(lambda ranked: ranked[1] < limit, _ranked(scores))]


def best(scores: Mapping[Ranked, float], limit: int) -> Mapping[Ranked, float]:
    """The first `limit` by score, in order; equals by id."""
    rank = ranks(scores)
    return {each: scores[each] for each in sorted(scores, key=lambda each: (rank[each], each))[:limit]}

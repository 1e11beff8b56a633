"""How good a way is: recall@5 and the mean reciprocal rank, and the best of several by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import TypeVar

from benchmarks.recall.search import Sought
from benchmarks.recall.ways import Fused, Reranked, Way
from domain.memory.rank import RankWeights

_Some = TypeVar("_Some", bound=Way)

TOP = 5
"""Memories in a prompt."""

KS = (1, 2, 5, 10, 20, 60)
DENSE = (0.5, 0.7, 1.0, 1.5, 2.0)
WINDOWS = (0.3, 0.5, 0.7, 1.0, 1.5)
RECENCIES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
HALF_LIVES_DAYS = (7, 30, 90)


@dataclass(frozen=True, slots=True)
class Quality:
    """Of `count` questions: the part whose memory is among the first five, and the mean of 1 / its rank."""

    count: int
    recall: float
    mrr: float


def quality(way: Way, questions: Sequence[Sought]) -> Quality:
    """How good a way is for some questions."""
    ranks = [_rank(way, question) for question in questions]
    return Quality(
        count=len(ranks),
        recall=sum(rank is not None and rank < TOP for rank in ranks) / len(ranks),
        mrr=sum(1 / (rank + 1) for rank in ranks if rank is not None) / len(ranks),
    )


def tuned_fused(questions: Sequence[Sought], *, windows: bool) -> Fused:
    """The best fusion for these questions, with windows or without."""
    return _best(
        (Fused(k, dense, window) for k, dense, window in product(KS, DENSE, WINDOWS if windows else (0.0,))),
        questions,
    )


def tuned_rank(fused: Fused, questions: Sequence[Sought], *, weights: RankWeights) -> Reranked:
    """The best weight of recency; importance and use are as given, as the questions say nothing about them."""
    return _best(
        (
            Reranked(fused, replace(weights, recency=recency, half_life=timedelta(days=days)))
            for recency, days in product(RECENCIES, HALF_LIVES_DAYS)
        ),
        questions,
    )


def _best(ways: Iterable[_Some], questions: Sequence[Sought]) -> _Some:
    """The way with the highest sum of recall@5 and MRR; the first one of equals."""
    return max(ways, key=lambda way: _goodness(quality(way, questions)))


def _goodness(found: Quality) -> float:
    return found.recall + found.mrr


def _rank(way: Way, question: Sought) -> int | None:
    order = way.order(question)
    return order.index(question.gold) if question.gold in order else None

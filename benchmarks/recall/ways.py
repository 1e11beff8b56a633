"""Ways to bring memories into an order: one ranking, several fused, and fused ones re-ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.recall.search import BM25, BM25_WINDOW, TEXT, WINDOW, Sought
from domain.memory.entities import Recalled
from domain.memory.rank import RankWeights, ranked

CANDIDATES = 30
"""Memories that are asked of the index, for the five of a prompt."""

Order = Sequence[int]
"""Places of memories, the best first; those that were not found are missing."""


@dataclass(frozen=True, slots=True)
class Alone:
    """One ranking by itself."""

    ranking: int

    def order(self, sought: Sought) -> Order:
        """The memories that the ranking has."""
        return _best(-sought.ranks[self.ranking], found=np.isfinite(sought.ranks[self.ranking]))


@dataclass(frozen=True, slots=True)
class Fused:
    """Weighted sums of reciprocal ranks, 1 / (k + rank) with ranks from 0.

    Words weigh 1, meaning `dense`, and both of the window `window` times that.
    """

    k: int
    dense: float
    window: float = 0.0

    def scores(self, sought: Sought) -> NDArray[np.float64]:
        """Of every memory; 0 where no ranking has it."""
        weights = np.zeros((4, 1))
        weights[[TEXT, BM25], 0] = self.dense, 1.0
        weights[[WINDOW, BM25_WINDOW], 0] = self.window * self.dense, self.window
        sums: NDArray[np.float64] = (weights / (self.k + sought.ranks)).sum(axis=0)
        return sums

    def order(self, sought: Sought) -> Order:
        """The memories that any ranking of weight has."""
        scores = self.scores(sought)
        return _best(scores, found=scores > 0)


@dataclass(frozen=True, slots=True)
class Reranked:
    """The whole path: fused, superseded statements left out, then importance, recency and use."""

    fused: Fused
    weights: RankWeights

    def order(self, sought: Sought) -> Order:
        """The memories as an agent would recall them."""
        scores = self.fused.scores(sought)
        found = [
            Recalled(memory, float(scores[place]))
            for place in self.fused.order(sought)[:CANDIDATES]
            if (memory := sought.memories[place]).superseded_by is None
        ]
        return [hit.memory.id.int for hit in ranked(found, now=sought.now, weights=self.weights)]


Way = Alone | Fused | Reranked


def _best(scores: NDArray[np.float64], *, found: NDArray[np.bool_]) -> Order:
    """The places that were found, by score; equals by place."""
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return [place for place in order if found[place]]

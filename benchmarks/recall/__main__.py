"""`python -m benchmarks.recall`: how well memories are found again, without a network or a model."""

from __future__ import annotations

import sys
import timeit

from benchmarks.recall.conversations import HALVES, conversations
from benchmarks.recall.quality import tuned_fused, tuned_rank
from benchmarks.recall.report import report
from benchmarks.recall.search import BM25, TEXT, Sought, sought
from benchmarks.recall.ways import Alone, Fused, Reranked, Way
from domain.memory.rank import WEIGHTS
from integrations.embeddings.lexical import vector_of
from persistence.qdrant.bm25 import Bm25
from persistence.qdrant.fusion import K

MOST_MS = 1.0
"""The target for a text of 1,000 characters."""


def main() -> int:
    """Tune on one half of the questions, and print the figures of the other half."""
    model = Bm25()
    tune, test = ([each for c in conversations(half) for each in sought(c, model)] for half in HALVES)
    print(report(_ways(tune), test, turns=len(test[0].memories)))
    print(
        f"\nA text of 1,000 characters is compared in {_embedding_ms():.2f} ms (at most {MOST_MS:g} ms wanted)."
    )
    return 0


def _embedding_ms() -> float:
    """Best of ten: other programs only add to it."""
    text = ("We talked about the quarterly budget, and Анна решила перенести встречу на 15:30. " * 13)[:1_000]
    return 1_000 * min(timeit.repeat(lambda: vector_of(text), number=20, repeat=10)) / 20


def _ways(tune: list[Sought]) -> dict[str, Way]:
    """The ways to compare by name, tuned on these questions alone; the last one is the product's own."""
    shipped = Fused(K, dense=1.0, window=1.0)
    windowed = tuned_fused(tune, windows=True)
    return {
        "dense": Alone(TEXT),
        "BM25": Alone(BM25),
        "fused": tuned_fused(tune, windows=False),
        "fused, windows": windowed,
        "fused, windows, ranked": tuned_rank(windowed, tune, weights=WEIGHTS),
        "as shipped, tuned rank": tuned_rank(shipped, tune, weights=WEIGHTS),
        "as shipped": Reranked(shipped, WEIGHTS),
    }


if __name__ == "__main__":
    sys.exit(main())

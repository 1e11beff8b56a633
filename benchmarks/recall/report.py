"""The figures as text: each way by language, and the product's own by kind of question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.recall.conversations import LANGUAGES
from benchmarks.recall.quality import Quality, quality
from benchmarks.recall.search import Sought
from benchmarks.recall.ways import Alone, Fused, Reranked, Way

KINDS = ("direct", "paraphrase", "misspelled")


def report(ways: Mapping[str, Way], questions: Sequence[Sought], *, turns: int) -> str:
    """The table of all ways, and below it the last one by kind, and the constants of each."""
    groups = {"all": questions} | {
        language: [each for each in questions if each.language == language] for language in LANGUAGES
    }
    kinds = {kind: [each for each in questions if each.kind == kind] for kind in KINDS}
    last = list(ways)[-1]
    return "\n".join(
        [
            f"Memory's recall with the lexical embedder: {len(questions)} held-out questions, each over {turns} turns.",
            "",
            _row("recall@5 / MRR", [f"{name} ({len(group)})" for name, group in groups.items()]),
            *(_row(name, [_figures(quality(way, g)) for g in groups.values()]) for name, way in ways.items()),
            "",
            _row(last, [f"{name} ({len(group)})" for name, group in kinds.items()]),
            _row("recall@5 / MRR", [_figures(quality(ways[last], group)) for group in kinds.values()]),
            "",
            "Constants:",
            *(f"  {name}: {_constants(way)}" for name, way in ways.items() if not isinstance(way, Alone)),
        ]
    )


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<26}" + "".join(f"{cell:>18}" for cell in cells)


def _figures(found: Quality) -> str:
    return f"{found.recall:.3f} / {found.mrr:.3f}"


def _constants(way: Way) -> str:
    match way:
        case Fused():
            return f"k {way.k}, dense {way.dense:g}, window {way.window:g}"
        case Reranked(fused, weights):
            return (
                f"{_constants(fused)}; importance {weights.importance:g}, recency {weights.recency:g} with a half-life "
                f"of {weights.half_life.days} days, use {weights.use:g}"
            )
        case Alone():
            return ""

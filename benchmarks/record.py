"""The figures as plain data, for machines to compare."""

from __future__ import annotations

from dataclasses import asdict

from benchmarks.report import verdicts
from benchmarks.samples import Round
from benchmarks.suite import FOLLOWING, WAITING, Place, Results


def record(results: Results) -> dict[str, object]:
    """Everything that was measured, each repeat by itself."""
    return {
        "machine": asdict(results.machine),
        "plan": asdict(results.plan),
        "calls": [_calls(results, place, rounds) for place, rounds in results.rounds.items()],
        "starts": {store: [asdict(it) for it in starts] for store, starts in results.starts.items()},
        "rss_at_start_mb": results.rss_at_start_mb,
        "rss_after_calls_mb": results.rss_after_calls_mb,
        "targets": [{**asdict(it), "reached": it.reached} for it in verdicts(results)],
    }


def _calls(results: Results, place: Place, rounds: list[Round]) -> dict[str, object]:
    is_ours = place.measurement in {WAITING, FOLLOWING}
    return {
        **asdict(place),
        "p50_ms": [it.p50_ms for it in rounds],
        "p95_ms": [it.p95_ms for it in rounds],
        "calls_per_s": [it.calls_per_s for it in rounds],
        "server_cpu_ms": [it.cpu_ms for it in rounds],
        "over_floor": list(results.over_floor(place).values) if is_ours else None,
    }

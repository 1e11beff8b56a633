"""What was measured of the index of memories: its figures, its targets, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.memories import Size
from benchmarks.report import Verdict, markdown, table
from benchmarks.samples import percentile
from benchmarks.stall import Stalls

LEAST_RECALL = 0.98
AT_REST = "at rest"
"""The stalls that this machine causes by itself."""
HUNDRED_THOUSAND = 100_000


@dataclass(frozen=True, slots=True)
class Searches:
    """Durations of searches one after the other, in milliseconds; those that were refused are counted only.

    `cpu_ms` is what the index's process computed for each: that hardly depends on the neighbours.
    """

    durations_ms: Sequence[float]
    refused: int = 0
    cpu_ms: float | None = None

    def at(self, percent: float) -> float:
        """A percentile."""
        return percentile(self.durations_ms or [0.0], percent)

    @property
    def figures(self) -> str:
        """The percentiles in short."""
        return " / ".join(f"{self.at(percent):.1f}" for percent in (50, 95, 99))

    def record(self) -> object:
        """The percentiles."""
        percentiles = {f"p{percent}_ms": self.at(percent) for percent in (50, 95, 99)}
        return percentiles | {"refused": self.refused, "cpu_ms": self.cpu_ms}


@dataclass(slots=True, kw_only=True)
class Measured:
    """All figures of one size."""

    size: Size
    upserts_per_s: float
    optimising_s: float
    small: Searches
    half: Searches
    meanwhile: Searches
    stalls: dict[str, Stalls]
    recall: float
    worker_mib: float
    disk_mib: float
    local: Searches | None = None

    @property
    def stall_p99_ms(self) -> float:
        """Of the worst phase in which something is asked."""
        return max(each.p99_ms for name, each in self.stalls.items() if name != AT_REST)

    def record(self) -> object:
        """Everything as plain data."""
        return {
            "size": asdict(self.size),
            "upserts_per_s": self.upserts_per_s,
            "optimising_s": self.optimising_s,
            "small": self.small.record(),
            "half": self.half.record(),
            "meanwhile": self.meanwhile.record(),
            "local": self.local and self.local.record(),
            "stalls": {name: {"p99_ms": it.p99_ms, "max_ms": it.max_ms} for name, it in self.stalls.items()},
            "recall_at_10": self.recall,
            "worker_mib": self.worker_mib,
            "disk_mib": self.disk_mib,
        }


@dataclass(frozen=True, slots=True)
class Index:
    """The part after its run."""

    sizes: list[Measured] = field(default_factory=list)

    def tables(self) -> str:
        """Searches, and what goes on besides."""
        searches = [(it.size.label, *_searches(it)) for it in self.sizes]
        besides = [(it.size.label, *_besides(it)) for it in self.sizes]
        titles = ("small tenant", "owner of half", "while optimising", "refused then", "local mode")
        return "\n\n".join(
            [
                table("Hybrid filtered top-5: p50 / p95 / p99 ms", ("", *titles), searches),
                table("Besides", ("", *_BESIDES), besides),
            ]
        )

    def verdicts(self) -> Iterable[Verdict]:
        """The targets, as far as a size has them."""
        for it in self.sizes:
            yield from _verdicts(it)

    def readme(self) -> Iterator[str]:
        """The targets, then the other figures."""
        yield from markdown(self.verdicts())
        yield ""
        heads = ("points", "small tenant, ms", "owner of half, ms", *_BESIDES)
        yield f"| {' | '.join(heads)} |"
        yield "|---" * len(heads) + "|"
        for it in self.sizes:
            cells = (it.size.label, it.small.figures, it.half.figures, *_besides(it))
            yield f"| {' | '.join(cells)} |"

    def record(self) -> object:
        """Every size."""
        return [it.record() for it in self.sizes]


_BESIDES = (
    "computing: small / half, ms",
    "upserts/s",
    "optimised in, s",
    "recall@10",
    "worker, MiB",
    "disk, MiB",
    "loop stall p99 / max, ms",
    "at rest, ms",
)


def _searches(it: Measured) -> Sequence[str]:
    local = it.local.figures if it.local else "–"
    return it.small.figures, it.half.figures, it.meanwhile.figures, str(it.meanwhile.refused), local


def _besides(it: Measured) -> Sequence[str]:
    longest = max(each.max_ms for name, each in it.stalls.items() if name != AT_REST)
    return (
        f"{it.small.cpu_ms or 0:.1f} / {it.half.cpu_ms or 0:.1f}",
        f"{it.upserts_per_s:.0f}",
        f"{it.optimising_s:.0f}",
        f"{it.recall:.3f}",
        f"{it.worker_mib:.0f}",
        f"{it.disk_mib:.0f}",
        f"{it.stall_p99_ms:.1f} / {longest:.0f}",
        f"{it.stalls[AT_REST].p99_ms:.1f} / {it.stalls[AT_REST].max_ms:.0f}",
    )


def _verdicts(it: Measured) -> Iterator[Verdict]:
    label, points = it.size.label, it.size.points
    if points <= HUNDRED_THOUSAND:
        yield Verdict("top-5 of a small tenant: p95", label, it.small.at(95), 10, "ms")
        yield Verdict("top-5 of one that owns half: p95", label, it.half.at(95), 10, "ms")
    else:
        yield Verdict("top-5 of a tenant of up to 10,000: p99", label, it.small.at(99), 10, "ms")
        yield Verdict("top-5 of one that owns half a million: p95", label, it.half.at(95), 50, "ms")
    yield Verdict("event loop's stall: p99", label, it.stall_p99_ms, 5, "ms")
    yield Verdict("missed of an exact top-10", label, 100 * (1 - it.recall), 100 * (1 - LEAST_RECALL), "%")

"""What was measured: single durations, rounds of them, and their summary over repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `percent` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One repeat of one measurement.

    `durations_s` are those of single calls, `elapsed_s` is that of all of them together, `cpu_s` what the
    server's process computed meanwhile (None where there is no server).
    """

    durations_s: tuple[float, ...]
    elapsed_s: float
    cpu_s: float | None = None

    @property
    def p50_ms(self) -> float:
        """The median call."""
        return 1_000 * percentile(self.durations_s, 50)

    @property
    def p95_ms(self) -> float:
        """What 95 % of the calls do not exceed."""
        return 1_000 * percentile(self.durations_s, 95)

    @property
    def p99_ms(self) -> float:
        """What 99 % of the calls do not exceed."""
        return 1_000 * percentile(self.durations_s, 99)

    @property
    def calls_per_s(self) -> float:
        """Throughput, pauses between calls included."""
        return len(self.durations_s) / self.elapsed_s

    @property
    def cpu_ms(self) -> float | None:
        """The server's computing per call."""
        return None if self.cpu_s is None else 1_000 * self.cpu_s / len(self.durations_s)


@dataclass(frozen=True, slots=True)
class Spread:
    """The repeats of one figure."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median repeat."""
        return median(self.values)

    @property
    def lowest(self) -> float:
        """The best repeat, which the rest of the machine disturbed least."""
        return min(self.values)

    @property
    def highest(self) -> float:
        """The worst repeat."""
        return max(self.values)

"""The figures as plain data, for machines to compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from benchmarks.machine import Machine
from benchmarks.report import Part


def record(machine: Machine, parts: Mapping[str, Part]) -> dict[str, object]:
    """Everything that was measured, each repeat by itself, and the targets."""
    verdicts = [verdict for part in parts.values() for verdict in part.verdicts()]
    return {
        "machine": asdict(machine),
        **{name: part.record() for name, part in parts.items()},
        "targets": [{**asdict(it), "reached": it.reached} for it in verdicts],
    }

"""The whole run: the parts that were asked for, one after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import calls, fan_out, idle, memory, reads
from benchmarks.machine import Machine
from benchmarks.memories import Size
from benchmarks.report import Part, Say

PARTS = ("calls", "reads", "fanout", "idle", "memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of each part to measure."""

    calls: calls.Plan
    reads: reads.Plan
    fan_out: fan_out.Plan
    idle: idle.Plan
    memory: memory.Plan

    def sized(self, sizes: Sequence[Size]) -> Plan:
        """The same with other sizes of the index of memories."""
        return replace(self, memory=replace(self.memory, sizes=sizes))

    def repeated(self, repeats: int) -> Plan:
        """The same with another number of repeats."""
        return replace(
            self,
            calls=replace(self.calls, repeats=repeats),
            reads=replace(self.reads, repeats=repeats),
            fan_out=replace(self.fan_out, repeats=repeats),
        )


FULL = Plan(calls=calls.FULL, reads=reads.FULL, fan_out=fan_out.FULL, idle=idle.FULL, memory=memory.FULL)
QUICK = Plan(
    calls=calls.QUICK, reads=reads.QUICK, fan_out=fan_out.QUICK, idle=idle.QUICK, memory=memory.QUICK
)


async def run(plan: Plan, parts: Collection[str], *, say: Say) -> tuple[Machine, dict[str, Part]]:
    """Measure; `say` is told what is going on."""
    machine = Machine.now()
    done: dict[str, Part] = {}
    with tempfile.TemporaryDirectory(prefix="codelab-benchmark-") as name:
        folder = Path(name)
        if "calls" in parts:
            done["calls"] = await calls.measure(plan.calls, folder, say=say)
        if "reads" in parts:
            done["reads"] = await reads.measure(plan.reads, folder, say=say)
        if "fanout" in parts:
            done["fanout"] = await fan_out.measure(plan.fan_out, folder, say=say)
        if "idle" in parts:
            done["idle"] = await idle.measure(plan.idle, folder, say=say)
        if "memory" in parts:
            done["memory"] = await memory.measure(plan.memory, folder, say=say)
    return machine, done

"""What is printed and put into the README: tables, and the targets beside what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.machine import Machine
from benchmarks.samples import Spread

Say = Callable[[str], None]
Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target beside what was measured on one store."""

    what: str
    store: str
    measured: float
    target: float
    unit: str

    @property
    def reached(self) -> bool:
        """Whether it was measured at most at the target."""
        return self.measured <= self.target

    @property
    def figure(self) -> str:
        """The measured figure with its unit."""
        return f"{self.measured:.2f} {self.unit}"


class Part(Protocol):
    """One part of the benchmarks after its run."""

    def tables(self) -> str:
        """Every figure as text."""

    def verdicts(self) -> Iterable[Verdict]:
        """Its targets."""

    def record(self) -> object:
        """Every figure as plain data, each repeat by itself."""

    def readme(self) -> Iterable[str]:
        """The lines of its table in the README."""


def report(machine: Machine, parts: Mapping[str, Part]) -> str:
    """The whole text."""
    verdicts = [verdict for part in parts.values() for verdict in part.verdicts()]
    return (
        "\n\n".join([_head(machine), *(part.tables() for part in parts.values()), _targets(verdicts)]) + "\n"
    )


def _head(machine: Machine) -> str:
    lines = [
        "CodeLab, with a model that takes no time",
        f"machine  {machine.cores} cores, Python {machine.python}, load average {machine.load:.2f} at the start",
    ]
    if machine.busy:
        lines.append("WARNING  this machine is busy with other work: compare ratios and CPU, not times")
    return "\n".join(lines)


def _targets(verdicts: Iterable[Verdict]) -> str:
    rows = [
        (
            f"{it.store}, {it.what}",
            it.figure,
            f"<= {it.target:g} {it.unit}",
            "reached" if it.reached else "NOT REACHED",
        )
        for it in verdicts
    ]
    return table("Targets", ("", "measured", "target", ""), rows)


def with_figures(readme: str, parts: Mapping[str, Part]) -> str:
    """The README with the table of each part replaced between its markers; the others stay as they were.

    Raises:
        ValueError: it has no place for a part.
    """
    for name, part in parts.items():
        begin, end = f"<!-- bench:begin {name} -->", f"<!-- bench:end {name} -->"
        before, found, rest = readme.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"the README has no place for {name}")
        lines = "".join(f"{line}\n" for line in part.readme())
        readme = f"{before}{begin}\n{lines}{end}{after}"
    return readme


def markdown(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """A row for each target and a column for each store; what misses its target is emphasised."""
    known = list(verdicts)
    stores = list(dict.fromkeys(it.store for it in known))
    cells = {(it.what, it.store): it.figure if it.reached else f"**{it.figure}**" for it in known}
    yield f"| what | at most | {' | '.join(stores)} |"
    yield "|---" * (2 + len(stores)) + "|"
    for what, target in {it.what: f"{it.target:g} {it.unit}" for it in known}.items():
        yield f"| {what} | {target} | {' | '.join(cells.get((what, it), '–') for it in stores)} |"


def middle_and_range(spread: Spread, *, digits: int = 2) -> tuple[str, str]:
    """The median repeat, and the lowest and highest."""
    return f"{spread.middle:.{digits}f}", f"{spread.lowest:.{digits}f}-{spread.highest:.{digits}f}"


def table(title: str, head: Row, rows: Iterable[Row]) -> str:
    """Columns as wide as they need; the first one to the left, the others to the right."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = [
        "  "
        + "  ".join(
            [line[0].ljust(widths[0]), *(it.rjust(w) for it, w in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    ]
    return "\n".join([title, *(line.rstrip() for line in text)])

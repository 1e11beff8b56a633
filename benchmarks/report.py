"""What is printed: the tables, and the targets beside what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.floor import STATEMENTS as BARE_STATEMENTS
from benchmarks.floor import TRANSACTIONS
from benchmarks.samples import Round, Spread
from benchmarks.suite import FOLLOWING, HTTP, MEASUREMENTS, STATEMENTS, WAITING, Place, Results

P50_MS, P95_MS, RSS_MB, FIRST_WORD_S = 5.0, 15.0, 150.0, 10.0
"""The targets."""
Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target beside what was measured."""

    what: str
    measured: float
    target: float
    unit: str

    @property
    def reached(self) -> bool:
        """Whether it was measured below the target."""
        return self.measured < self.target


def verdicts(results: Results) -> Iterator[Verdict]:
    """Every target on every store; the median repeat decides."""
    for store in results.stores:
        for crowd in results.plan.crowds:
            for measurement in (WAITING, FOLLOWING):
                rounds = results.rounds[Place(store, crowd.clients, measurement)]
                what = f"{store}, {_clients(crowd.clients)}, {MEASUREMENTS[measurement]}"
                yield Verdict(f"{what}: p50", _of(rounds, lambda it: it.p50_ms).middle, P50_MS, "ms")
                yield Verdict(f"{what}: p95", _of(rounds, lambda it: it.p95_ms).middle, P95_MS, "ms")
        yield Verdict(f"{store}, memory at rest", results.rss_at_start_mb[store], RSS_MB, "MB")
        yield Verdict(f"{store}, memory after calls", results.rss_after_calls_mb[store], RSS_MB, "MB")
        if words := [it.first_word_s for it in results.starts[store] if it.first_word_s is not None]:
            yield Verdict(
                f"{store}, first token after the start", Spread(tuple(words)).middle, FIRST_WORD_S, "s"
            )


def report(results: Results) -> str:
    """The whole text."""
    parts = [_head(results), _calls(results), _processes(results), _targets(results)]
    return "\n\n".join(parts) + "\n"


def _head(results: Results) -> str:
    machine, plan = results.machine, results.plan
    lines = [
        f"CodeLab: a direct call with a model that takes no time, {plan.repeats} repeats side by side",
        f"machine  {machine.cores} cores, Python {machine.python}, load average {machine.load:.2f} at the start",
    ]
    if machine.busy:
        lines.append("WARNING  this machine is busy with other work: compare ratios and CPU, not times")
    return "\n".join(lines)


def _calls(results: Results) -> str:
    head = ("", "p50 ms", "(range)", "p95 ms", "(range)", "calls/s", "CPU ms", "x floor")
    blocks = [
        _table(
            f"{store}, {_clients(crowd.clients)}, {crowd.calls} calls each",
            head,
            _rows(results, store, crowd.clients),
        )
        for crowd in results.plan.crowds
        for store in results.stores
    ]
    notes = [
        "CPU ms   the server's computing per call, the sessions made for the calls included",
        "x floor  the median call over the two floors together, in the same repeat",
        f"floor    one request for a constant, and {BARE_STATEMENTS} bare statements in {TRANSACTIONS} transactions",
        "clients  one user; each client has an agent and sessions of its own, 10 messages in each",
    ]
    return "\n\n".join(blocks) + "\n\n" + "\n".join(notes)


def _rows(results: Results, store: str, clients: int) -> Iterator[Row]:
    for measurement, words in MEASUREMENTS.items():
        place = Place(store, clients, measurement)
        rounds = results.rounds[place]
        is_floor = measurement in {HTTP, STATEMENTS}
        yield (
            words,
            *_middle_and_range(_of(rounds, lambda it: it.p50_ms)),
            *_middle_and_range(_of(rounds, lambda it: it.p95_ms)),
            f"{_of(rounds, lambda it: it.calls_per_s).middle:.0f}",
            "" if measurement == STATEMENTS else f"{_of(rounds, lambda it: it.cpu_ms or 0.0).middle:.2f}",
            "" if is_floor else f"{results.over_floor(place).middle:.1f}",
        )


def _processes(results: Results) -> str:
    head = ("", "ready s", "(range)", "first token s", "RSS at rest MB", "RSS after calls MB")
    return _table("One process", head, (_process(results, store) for store in results.stores))


def _process(results: Results, store: str) -> Row:
    starts = results.starts[store]
    words = [it.first_word_s for it in starts if it.first_word_s is not None]
    return (
        store,
        *_middle_and_range(Spread(tuple(it.ready_s for it in starts))),
        f"{Spread(tuple(words)).middle:.2f}" if words else "",
        f"{results.rss_at_start_mb[store]:.0f}",
        f"{results.rss_after_calls_mb[store]:.0f}",
    )


def _targets(results: Results) -> str:
    rows = [
        (
            it.what,
            f"{it.measured:.2f} {it.unit}",
            f"< {it.target:g} {it.unit}",
            "reached" if it.reached else "NOT REACHED",
        )
        for it in verdicts(results)
    ]
    return _table("Targets", ("", "measured", "target", ""), rows)


def _of(rounds: Sequence[Round], figure: Callable[[Round], float]) -> Spread:
    return Spread(tuple(figure(it) for it in rounds))


def _middle_and_range(spread: Spread) -> tuple[str, str]:
    return f"{spread.middle:.2f}", f"{spread.lowest:.2f}-{spread.highest:.2f}"


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count} clients at once"


def _table(title: str, head: Row, rows: Iterator[Row] | Sequence[Row]) -> str:
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

"""Runs all test suites on two lanes, prints the time of each suite, and checks the coverage of each package.

A suite is a folder of tests/ (or the files directly in it). A new folder is run without being named here. One
lane computes on every processor; beside it the suites that start whole servers, and mostly wait for them, run
one at a time. What they leave running is an error, and what they leave in the temporary folder is removed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from coverage import Coverage
from coverage.exceptions import NoDataError

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
PACKAGES = ("domain", "persistence", "graphql_api", "integrations")
COVERAGE_FLOOR_PERCENT = 95.0

# What these run is measured; the others prove what lines can't show, and are quicker unwatched.
MEASURED = frozenset({"domain", "integrations", "persistence", "graphql_api"})
# Suites that start whole servers or watch the clock, the longest first: its end is the end of the lane.
WAITING = ("stress", "attack", "resume", "clients", "documents", "frontend", "protocols", "launchers")
# The computing lane yields to the servers beside it, so that what watches the clock does not wait for it.
NICENESS = 10
SLOWEST = 25
VERDICTS = {"failure": "failed", "error": "errors", "skipped": "skipped"}

_printing = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One pytest: the suites that it takes, and which of their tests.

    To follow PostgreSQL's driver from greenlet to greenlet makes each call of a function three times as slow to
    measure, so that it is done only where something `switches`.
    """

    name: str
    suites: Sequence[str]
    tests: str = ""
    parallel: bool = True
    measured: bool = False
    switches: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test: its suite, its file and name, how it ended (a word of pytest's closing line) and how long it took."""

    suite: str
    name: str
    verdict: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one session came to; `ok` is pytest's own verdict."""

    ok: bool
    cases: Sequence[Case]

    @property
    def unexplained(self) -> bool:
        """Whether something else than a test went wrong."""
        return not self.ok and not any(case.verdict in {"failed", "errors"} for case in self.cases)


def main() -> int:
    """Run the suites named on the command line, or all of them, and return the exit code."""
    chosen = _arguments()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="codelab-suites-") as folder:
        scratch = Path(folder)
        scratch.chmod(0o711)  # databases in it run as nobody
        outcomes = _run_lanes(chosen, scratch)
        left = end_what_was_left(scratch)
        short = _check_coverage(scratch) if set(chosen) >= MEASURED else 0
    _print_times(chosen, outcomes)
    _print_summary(outcomes, errors=left + short, elapsed_s=time.monotonic() - began)
    return 0 if all(outcome.ok for outcome in outcomes) and not left and not short else 1


def suites() -> dict[str, list[Path]]:
    """Return the suites by name, each with the paths to give to pytest."""
    found = {
        folder.name: [folder]
        for folder in sorted(TESTS.iterdir())
        if folder.is_dir() and next(folder.rglob("test_*.py"), None)
    }
    if loose := sorted(TESTS.glob("test_*.py")):
        found["tests"] = loose
    return found


def lanes(chosen: Iterable[str]) -> tuple[list[Session], list[Session]]:
    """What waits, and what computes; each test of the chosen suites is in one session of either."""
    measured = [name for name in chosen if name in MEASURED]
    sql = [name for name in measured if name == "persistence"]
    others = [name for name in measured if name not in sql]
    rest = [name for name in chosen if name not in MEASURED and name not in WAITING]
    computing = [
        Session(name="measured", suites=measured, tests="not postgres", measured=True),
        Session(name="measured-on-postgres", suites=sql, tests="postgres", measured=True, switches=True),
        Session(name="on-postgres", suites=others, tests="postgres"),
        Session(name="unmeasured", suites=rest),
    ]
    waiting = [Session(name=name, suites=[name], parallel=False) for name in WAITING if name in chosen]
    return waiting, [session for session in computing if session.suites]


def _arguments() -> dict[str, list[Path]]:
    known = suites()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="*", help=f"one of: {', '.join(known)}; all by default")
    names = parser.parse_args().suite or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no such suite: {', '.join(unknown)}")
    return {name: known[name] for name in names}


def _run_lanes(chosen: Mapping[str, Sequence[Path]], scratch: Path) -> list[Outcome]:
    def run(lane: Sequence[Session]) -> list[Outcome]:
        return [_run(it, [str(path) for name in it.suites for path in chosen[name]], scratch) for it in lane]

    with ThreadPoolExecutor() as pool:
        return [outcome for lane in pool.map(run, lanes(chosen)) for outcome in lane]


def _run(session: Session, paths: Sequence[str], scratch: Path) -> Outcome:
    report = scratch / f"{session.name}.xml"
    began = time.monotonic()
    print(f"{session.name} begins", flush=True)
    result = subprocess.run(
        [*_command(session), f"--junitxml={report}", *paths],
        check=False,
        cwd=ROOT,
        env=_environment(session, scratch),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with _printing:
        print(f"\n=== {session.name}, {time.monotonic() - began:.0f} s\n{result.stdout}", flush=True)
    nothing = bool(session.tests) and result.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    return Outcome(ok=result.returncode == 0 or nothing, cases=list(_cases(report)))


def _command(session: Session) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-q", "--no-header"]
    if session.parallel:
        command = ["nice", "-n", str(NICENESS), *command, "-n", str(os.cpu_count() or 1), "--dist=worksteal"]
    if session.tests:
        command += ["-m", session.tests]
    if session.measured:
        command += ["--cov", "--cov-report="]
    return command


def _environment(session: Session, scratch: Path) -> dict[str, str]:
    """Demand the real servers: `make test` has installed them, so a skip would hide a fault.

    Compiled code is kept even where Python was told not to: hundreds of processes would each compile it for seconds.
    """
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "COVERAGE_FILE": str(scratch / f"{session.name}.coverage"),
        "TMPDIR": str(scratch),
        "TESTS_MEASURED_SWITCHES": "greenlet" if session.switches else "thread",
        "TESTS_REQUIRE_REDIS": "1",
        "TESTS_REQUIRE_AIMOCK": "1",
        "TESTS_REQUIRE_FRONTEND": "1",
    }


def _cases(report: Path) -> Iterator[Case]:
    """Read pytest's report; a test whose teardown failed too is there twice, as in pytest's own counts."""
    for case in ET.parse(report).iter("testcase") if report.exists() else ():
        module, seconds = case.get("classname", ""), float(case.get("time", 0))
        name = f"{module}::{case.get('name', '')}"
        for verdict in [VERDICTS[child.tag] for child in case if child.tag in VERDICTS] or ["passed"]:
            yield Case(suite=_suite(module), name=name, verdict=verdict, seconds=seconds)


def _suite(dotted: str) -> str:
    """The suite of a test's module; what could not be imported is named by its path."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 2 else "tests"


def end_what_was_left(scratch: Path) -> int:
    """End the processes that a suite left running and return how many there were; they know its temporary folder."""
    left = [process for process in psutil.process_iter() if _temporary_folder(process) == str(scratch)]
    for process in left:
        print(f"left running: {' '.join(process.cmdline())}")
        process.kill()
    psutil.wait_procs(left, timeout=10)
    return len(left)


def _temporary_folder(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("TMPDIR")
    except psutil.Error:
        return None


def _check_coverage(scratch: Path) -> int:
    """Combine what the suites covered, print it for each package and return how many are below the floor."""
    coverage = Coverage(data_file=str(ROOT / ".coverage"))
    print(f"\n=== coverage (at least {COVERAGE_FLOOR_PERCENT:.0f} % of each package)")
    try:
        coverage.combine([str(path) for path in scratch.glob("*.coverage*")])
        coverage.save()
        figures = dict(_percentages(coverage))
    except NoDataError:
        print("nothing was measured")
        return len(PACKAGES)
    below = [package for package, percent in figures.items() if percent < COVERAGE_FLOOR_PERCENT]
    for package in below:
        coverage.report(include=[f"{package}/*"], show_missing=True, skip_covered=True)
    for package, percent in figures.items():
        print(f"{package:<14}{percent:>6.1f} %{'   TOO LOW' if package in below else ''}")
    return len(below)


def _percentages(coverage: Coverage) -> Iterator[tuple[str, float]]:
    with Path(os.devnull).open("w") as nowhere:
        for package in PACKAGES:
            yield package, coverage.report(include=[f"{package}/*"], file=nowhere)


def _print_times(chosen: Iterable[str], outcomes: Sequence[Outcome]) -> None:
    """Print the seconds that the tests of each suite took, added up over all processors, and what took longest."""
    print("\n=== suites")
    for suite in chosen:
        cases = [case for outcome in outcomes for case in outcome.cases if case.suite == suite]
        counts = Counter(case.verdict for case in cases)
        verdict = "FAILED" if counts["failed"] or counts["errors"] else "ok"
        seconds = sum(case.seconds for case in cases)
        print(f"{suite:<14}{counts['passed']:>6} passed{seconds:>9.1f} s   {verdict}")
    print("\n=== slowest tests")
    every = (case for outcome in outcomes for case in outcome.cases)
    for case in sorted(every, key=lambda case: case.seconds, reverse=True)[:SLOWEST]:
        print(f"{case.seconds:>7.1f} s   {case.name}")


def _print_summary(outcomes: Sequence[Outcome], *, errors: int, elapsed_s: float) -> None:
    """Print the sum of all sessions as pytest's own closing line; what else went wrong counts as errors."""
    counts = Counter(case.verdict for outcome in outcomes for case in outcome.cases)
    counts["errors"] += errors + sum(outcome.unexplained for outcome in outcomes)
    words = ("failed", "passed", "skipped", "errors")
    said = ", ".join(f"{counts[word]} {word}" for word in words if counts[word]) or "no tests ran"
    print(f"\n======== {said} in {elapsed_s:.2f}s ({elapsed_s // 60:.0f}:{elapsed_s % 60:02.0f}) ========")


if __name__ == "__main__":
    sys.exit(main())

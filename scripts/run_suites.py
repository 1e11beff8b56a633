"""Runs every test suite one after another, prints the time of each, and checks the coverage of each package.

A suite is a folder of tests/ (or the files directly in it). A new folder is run without being named here.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import NoDataError

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
PACKAGES = ("domain", "persistence", "graphql_api", "integrations")
COVERAGE_FLOOR_PERCENT = 95.0

# Quick ones first, so that a plain mistake is seen in seconds.
ORDER = ("architecture", "domain", "integrations", "persistence", "graphql_api", "launchers")
# What these run is measured; the others prove what lines can't show, and are quicker unwatched.
MEASURED = frozenset({"domain", "integrations", "persistence", "graphql_api"})
# Suites that start whole servers or watch the clock get the machine for themselves.
ALONE = frozenset({"attack", "clients", "frontend", "launchers", "stress"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one suite came to; `ok` is pytest's own verdict."""

    suite: str
    ok: bool
    elapsed_s: float
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0


def main() -> int:
    """Run the suites named on the command line, or all of them, and return the exit code."""
    chosen = _arguments()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="codelab-suites-") as scratch:
        outcomes = [_run(name, files, scratch=Path(scratch)) for name, files in chosen.items()]
        short = _check_coverage(Path(scratch)) if set(chosen) >= MEASURED else 0
    _print_times(outcomes)
    _print_summary(outcomes, uncovered=short, elapsed_s=time.monotonic() - began)
    return 0 if all(outcome.ok for outcome in outcomes) and not short else 1


def suites() -> dict[str, list[Path]]:
    """Return the suites by name in the order in which they run, each with the paths to give to pytest."""
    found = {
        folder.name: [folder]
        for folder in sorted(TESTS.iterdir())
        if folder.is_dir() and next(folder.rglob("test_*.py"), None)
    }
    if loose := sorted(TESTS.glob("test_*.py")):
        found["tests"] = loose
    return dict(sorted(found.items(), key=lambda suite: (suite[0] not in ORDER, _rank(suite[0]))))


def _rank(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


def _arguments() -> dict[str, list[Path]]:
    known = suites()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="*", help=f"one of: {', '.join(known)}; all by default")
    names = parser.parse_args().suite or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no such suite: {', '.join(unknown)}")
    return {name: known[name] for name in names}


def _run(name: str, files: Sequence[Path], *, scratch: Path) -> Outcome:
    print(f"\n=== {name}", flush=True)
    report = scratch / f"{name}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", f"--junitxml={report}"]
    if name in MEASURED:
        command += ["--cov", "--cov-report="]
    command += map(str, files)
    if name not in ALONE:
        command += ["-n", str(os.cpu_count() or 1), "--dist=worksteal"]
    began = time.monotonic()
    result = subprocess.run(command, check=False, cwd=ROOT, env=_environment(scratch / f"{name}.coverage"))
    elapsed_s = time.monotonic() - began
    ok = result.returncode == 0
    return Outcome(suite=name, ok=ok, elapsed_s=elapsed_s, **_counts(report, ok=ok))


def _environment(data_file: Path) -> dict[str, str]:
    """Demand the real servers: `make test` has installed them, so a skip would hide a fault."""
    return {
        **os.environ,
        "COVERAGE_FILE": str(data_file),
        "TESTS_REQUIRE_REDIS": "1",
        "TESTS_REQUIRE_AIMOCK": "1",
        "TESTS_REQUIRE_FRONTEND": "1",
    }


def _counts(report: Path, *, ok: bool) -> dict[str, int]:
    """Read the numbers from pytest's report; what went wrong without a failed test counts as one error."""
    counts = {"passed": 0, "failed": 0, "errors": 0, "skipped": 0}
    if report.exists():
        suite = next(ET.parse(report).iter("testsuite"))
        counts["failed"], counts["errors"], counts["skipped"] = (
            int(suite.get(key, 0)) for key in ("failures", "errors", "skipped")
        )
        counts["passed"] = int(suite.get("tests", 0)) - sum(counts.values())
    if not ok and not counts["failed"] and not counts["errors"]:
        counts["errors"] = 1
    return counts


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


def _print_times(outcomes: Sequence[Outcome]) -> None:
    print("\n=== suites")
    for outcome in outcomes:
        verdict = "ok" if outcome.ok else "FAILED"
        print(f"{outcome.suite:<14}{outcome.passed:>6} passed{outcome.elapsed_s:>9.1f} s   {verdict}")


def _print_summary(outcomes: Sequence[Outcome], *, uncovered: int, elapsed_s: float) -> None:
    """Print the sum of all suites as pytest's own closing line, each package with too little coverage as an error."""
    counts = {
        "failed": sum(outcome.failed for outcome in outcomes),
        "passed": sum(outcome.passed for outcome in outcomes),
        "skipped": sum(outcome.skipped for outcome in outcomes),
        "errors": sum(outcome.errors for outcome in outcomes) + uncovered,
    }
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "no tests ran"
    print(f"\n======== {said} in {elapsed_s:.2f}s ({elapsed_s // 60:.0f}:{elapsed_s % 60:02.0f}) ========")


if __name__ == "__main__":
    sys.exit(main())

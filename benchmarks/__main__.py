"""`python -m benchmarks`: measure, print, and keep the figures as JSON when asked to."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import uvloop

from benchmarks.record import record
from benchmarks.report import report
from benchmarks.suite import FULL, QUICK, Plan, run


def main() -> int:
    """Run everything; the exit code says whether it ran, not whether targets were reached."""
    arguments = _parser().parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(run(_plan(arguments), say=_say))
    print(report(results))
    if arguments.json is not None:
        arguments.json.write_bytes(orjson.dumps(record(results), option=orjson.OPT_INDENT_2))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few calls only: does it run?")
    parser.add_argument("--repeats", type=_positive, help="how often everything is measured (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file as well")
    return parser


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _plan(arguments: argparse.Namespace) -> Plan:
    plan = QUICK if arguments.quick else FULL
    return plan if arguments.repeats is None else replace(plan, repeats=arguments.repeats)


def _say(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

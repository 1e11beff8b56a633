"""`python -m benchmarks [part ...]`: measure, print, and keep the figures as JSON or in the README when asked to."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import orjson
import uvloop

from benchmarks.memories import Size
from benchmarks.record import record
from benchmarks.report import report, with_figures
from benchmarks.suite import FULL, PARTS, QUICK, Plan, run

README = Path(__file__).parents[1] / "README.md"


def main() -> int:
    """Run what was asked for; the exit code says whether it ran, not whether targets were reached."""
    arguments = _parser().parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        machine, parts = runner.run(run(_plan(arguments), arguments.parts or PARTS, say=_say))
    print(report(machine, parts))
    if arguments.json is not None:
        arguments.json.write_bytes(orjson.dumps(record(machine, parts), option=orjson.OPT_INDENT_2))
    if arguments.readme:
        README.write_text(with_figures(README.read_text(), parts))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="part", type=_part, help=f"of {', '.join(PARTS)}: all by default"
    )
    parser.add_argument("--quick", action="store_true", help="a few calls only: does it run?")
    parser.add_argument(
        "--sizes",
        nargs="+",
        metavar="POINTSxNUMBERS",
        type=Size.of,
        help="of the index of memories, as 1000000x384",
    )
    parser.add_argument("--repeats", type=_positive, help="how often everything is measured")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file as well")
    parser.add_argument(
        "--readme", action="store_true", help="put the figures of these parts into the README"
    )
    return parser


def _part(text: str) -> str:
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"one of {', '.join(PARTS)}")
    return text


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _plan(arguments: argparse.Namespace) -> Plan:
    plan = QUICK if arguments.quick else FULL
    if arguments.sizes is not None:
        plan = plan.sized(arguments.sizes)
    return plan if arguments.repeats is None else plan.repeated(arguments.repeats)


def _say(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

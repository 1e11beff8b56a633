"""Builds the graphs of a shard that nobody else has open: `python -m persistence.qdrant.optimise FOLDER`.

The engine answers nothing while it does so, for minutes: hence a process of its own, which yields to others and
ends with the one that started it, whose end shows on the standard input.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
from pathlib import Path

from qdrant_edge import EdgeShard

NICENESS = 10


def main(folder: Path) -> int:
    """Build, write everything to the disk, and see that it can be opened; the exit code is 1 if points are missing."""
    _end_with_input()
    os.nice(NICENESS)
    before = _optimised(folder)
    os.sync()
    shard = EdgeShard.load(str(folder))
    after = shard.info().points_count
    shard.close()
    return int(after != before)


def _optimised(folder: Path) -> int:
    shard = EdgeShard.load(str(folder))
    points = int(shard.info().points_count)
    shard.optimize()
    shard.flush()
    shard.close()
    return points


def _end_with_input() -> None:
    """Let the kernel end this process when the other end of its input is closed: no Python runs meanwhile."""
    if sys.platform == "linux":
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:  # it was closed before
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

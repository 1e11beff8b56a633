"""Cores: the measured server computes on one of them and the load on another, so that neither takes the other's time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Cores:
    """Where server and load compute; on a single core, or where cores can't be chosen, the kernel decides."""

    def __init__(self) -> None:
        usable = _usable()
        self.server = {usable[0]} if len(usable) > 1 else None
        self._load = {usable[-1]} if len(usable) > 1 else None

    @contextmanager
    def load(self) -> Iterator[None]:
        """Keep the main thread of this process, and what it starts, on the core of the load."""
        if sys.platform != "linux" or self._load is None:
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._load)
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)

    def pin(self, pid: int) -> None:
        """Move every thread of a server, and those it will start, to the core of servers."""
        if sys.platform != "linux" or self.server is None:
            return
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), self.server)


def _usable() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []

"""How often Python looks for cyclic garbage in a process that serves."""

from __future__ import annotations

import gc

YOUNG = 10_000
"""New objects after which it looks among them. Python's own 700 means to look several times while one event is on
its way to thousands of subscribers, each of whose objects is looked at (measured: 30 % of a fan-out's computing)."""
OLDER, OLDEST = 20, 20
"""How many such looks are followed by one among the survivors, and how many of those by one among all."""


def collect_rarely() -> None:
    """Call once everything is built: what is there by then is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)

"""Builds the graphs of the shards while they are searched and written to.

An attempt goes through these stages, and `step` does a little of it between two calls:

    COPYING    the shard was flushed; a thread copies its folder, and writes to the shard wait (`is_holding`)
    BUILDING   a process builds the graphs in the copy; the shard's journal notes which points change
    REPLAYING  the copy is open and takes over what changed, some points at a time, until nothing is left

Then the copy takes the shard's place, and the shard's folder goes. Until then the shard is what it was: whatever
fails, or ends the process, costs the copy only. After a failure the next attempt waits, longer each time.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from threading import Event

from domain.memory.ports import IndexUnavailable
from persistence.qdrant import generations
from persistence.qdrant.journal import Journal
from persistence.qdrant.shard import MAX_UNFLUSHED, Shard

POLL_S = 0.1
"""How often a copy and a process that builds are looked at."""
LOOK_S = 1.0
"""How often it is asked what is due: a shard takes a millisecond to say how large it is."""
REPLAYED = 64
"""Points taken over at a time: some 20 ms."""
ROOM = 3
"""Times of its size that a shard needs on the disk: the copy, the graphs, and what the building needs besides."""
FIRST_BACKOFF_S, LAST_BACKOFF_S = 60.0, 3600.0
BUILD = (sys.executable, "-m", "persistence.qdrant.optimise")
log = logging.getLogger(__name__)


class Stage(StrEnum):
    """How far an attempt is."""

    IDLE = "IDLE"
    COPYING = "COPYING"
    BUILDING = "BUILDING"
    REPLAYING = "REPLAYING"


class Optimiser:
    """At most one attempt at a time over all shards.

    Args:
        shards: All that are open, by name; one whose graphs were built is replaced there.
        build: The command that builds graphs, without the folder.
        clock: Seconds.
    """

    def __init__(
        self,
        shards: MutableMapping[str, Shard],
        *,
        build: Sequence[str] = BUILD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shards = shards
        self._build = build
        self._clock = clock
        self._thread = ThreadPoolExecutor(1)
        self._attempt: Attempt | None = None
        self._failures = 0
        self._not_before_s = 0.0

    @property
    def patience_s(self) -> float | None:
        """How long nothing has to be done; None means that nothing will be until a shard is written to."""
        if self._attempt is None:
            return None
        return 0 if self._attempt.stage is Stage.REPLAYING else POLL_S

    def stage(self, name: str) -> Stage:
        """How far the attempt of a shard is."""
        return self._attempt.stage if self._attempt and self._attempt.name == name else Stage.IDLE

    def is_holding(self, name: str) -> bool:
        """Whether writes to a shard have to wait."""
        return self.stage(name) is Stage.COPYING

    def begin(self, name: str) -> bool:
        """Begin an attempt; False when one is under way."""
        if self._attempt is not None:
            return False
        try:
            self._attempt = Attempt(name, self._shards[name], thread=self._thread, build=self._build)
        except Exception as problem:  # noqa: BLE001 - whatever it is, the shard goes on as it is
            self._fail(name, problem)
        return True

    def leave(self, name: str) -> None:
        """Give up the attempt of a shard, which is going to be removed."""
        if self._attempt is not None and self._attempt.name == name:
            attempt, self._attempt = self._attempt, None
            attempt.give_up()
        self._thread.submit(bool).result()  # what was replaced before is gone by then

    def step(self) -> None:
        """Go on, or begin where it is due."""
        if self._attempt is not None:
            self._go_on(self._attempt)
        elif self._clock() >= self._not_before_s:
            self._not_before_s = self._clock() + LOOK_S
            for name in [name for name, each in self._shards.items() if each.is_scanned][:1]:
                self.begin(name)

    def close(self) -> None:
        """Give up what is under way."""
        if self._attempt is not None:
            self._attempt.give_up()
        self._thread.shutdown()

    def _go_on(self, attempt: Attempt) -> None:
        try:
            fresh = attempt.step()
        except Exception as problem:  # noqa: BLE001 - whatever it is, the shard goes on as it is
            self._fail(attempt.name, problem)
            return
        if fresh is not None:
            old, self._shards[attempt.name] = self._shards[attempt.name], fresh
            self._attempt, self._failures = None, 0
            self._retire(old)

    def _retire(self, old: Shard) -> None:
        try:
            old.close()
        except Exception:
            log.exception("a shard of the memory index that was replaced was not closed")
        self._thread.submit(generations.discard, old.folder)

    def _fail(self, name: str, problem: Exception) -> None:
        log.error("the graphs of the memory index %s were not built: %s", name, problem, exc_info=problem)
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.give_up()
        self._not_before_s = self._clock() + min(FIRST_BACKOFF_S * 2**self._failures, LAST_BACKOFF_S)
        self._failures += 1


class Attempt:
    """One shard's copy on its way to take the shard's place.

    Raises:
        IndexUnavailable: The disk has no room for it.
    """

    def __init__(
        self, name: str, shard: Shard, *, thread: ThreadPoolExecutor, build: Sequence[str] = BUILD
    ) -> None:
        _check_room(shard.folder)
        shard.flush()
        self.name = name
        self.stage = Stage.COPYING
        self._shard = shard
        self._folder = generations.begin(shard.folder)
        self._given_up = Event()
        self._copied = thread.submit(
            generations.copy, shard.folder, self._folder, is_over=self._given_up.is_set
        )
        self._build = build
        self._building: subprocess.Popen[bytes] | None = None
        self._journal = Journal()
        self._fresh: Shard | None = None

    def step(self) -> Shard | None:
        """Go on as far as it takes no time; the shard with graphs once it is in use.

        Raises:
            IndexUnavailable: The building failed, or more was written meanwhile than is followed.
            OSError: The copying failed.
        """
        if self._journal.is_over:
            raise IndexUnavailable("more was written to the memory index than can be followed")
        match self.stage:
            case Stage.COPYING if self._copied.done():
                self._copied.result()
                self._start()
            case Stage.BUILDING if self._building and self._building.poll() is not None:
                self._open(self._building.returncode)
            case Stage.REPLAYING if self._fresh:
                return self._followed(self._fresh)
        return None

    def give_up(self) -> None:
        """Leave nothing of it."""
        self._shard.journal = None
        self._given_up.set()
        if self._building is not None:
            self._building.kill()
        self._end_building()
        if self._fresh is not None:
            self._fresh.close()
        self._copied.exception()
        with suppress(OSError):
            generations.discard(self._folder)

    def _start(self) -> None:
        self._shard.journal = self._journal
        command = [*self._build, str(self._folder)]
        self._building = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - ours, and a folder
        self.stage = Stage.BUILDING

    def _end_building(self) -> None:
        if self._building is not None:
            with self._building:
                self._building = None

    def _open(self, ended: int) -> None:
        self._end_building()
        if ended != 0:
            raise IndexUnavailable(f"the process that builds graphs ended with {ended}")
        self._fresh = self._shard.optimised(self._folder)
        self.stage = Stage.REPLAYING

    def _followed(self, fresh: Shard) -> Shard | None:
        if not self._journal.is_empty:
            fresh.follow(self._shard, *self._journal.take(REPLAYED))
            if fresh.unflushed >= MAX_UNFLUSHED:
                fresh.flush()
            return None
        generations.finish(self._folder)
        return fresh


def _check_room(folder: Path) -> None:
    needed, free = ROOM * generations.size_bytes(folder), shutil.disk_usage(folder).free
    if free < needed:
        raise IndexUnavailable(f"the disk has {free >> 20} MiB left of the {needed >> 20} MiB that it takes")

"""The index's process: owns the shards, does one call after the other, and ends with the server that started it.

The engine holds the interpreter while it works, for hundreds of milliseconds at times, and lets one process only
open a shard. `python -m persistence.qdrant.worker FOLDER GRACE_S` speaks `wire` on its standard input and output.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from io import RawIOBase
from itertools import chain
from pathlib import Path
from typing import IO

from domain.memory.ports import IndexUnavailable, IsolationViolation, Space
from persistence.qdrant import wire
from persistence.qdrant.bm25 import Bm25
from persistence.qdrant.optimiser import Optimiser
from persistence.qdrant.shard import MAX_UNFLUSHED, Shard
from persistence.qdrant.wire import Message, Problem

IDLE_S = 1.0
"""Without a call for so long, what was written is flushed: that takes a tenth of a second and more."""
MAX_HELD = 64
"""Writes that wait at once while a shard is copied."""
ALIVE_S = 5.0
"""While calls wait, the server hears so often that they are not forgotten."""
_POLL_S = 0.05
log = logging.getLogger(__name__)
HELD = 3
"""The exit code when it never does."""


class Worker:
    """All shards below a folder, one for each space, and what can be asked of them."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._words = Bm25()
        self._shards: dict[str, Shard] = {}
        self._optimiser = Optimiser(self._shards, clock=clock)
        self._held: deque[Message] = deque()
        self._idle_since_s = self._alive_s = clock()
        self._deeds: Mapping[str, Callable[[Message], object]] = {
            "has": self._has,
            "open": self._open,
            "remove": self._remove,
            "upsert": lambda call: self._of(call).upsert(
                wire.tenant(call["tenant"]), [wire.point(each) for each in call["points"]]
            ),
            "delete": lambda call: self._of(call).delete(
                wire.tenant(call["tenant"]), wire.ids(call["memory_ids"])
            ),
            "drop": lambda call: self._of(call).drop(wire.tenant(call["tenant"])),
            "search": lambda call: self._of(call).search(
                wire.tenant(call["tenant"]), wire.query(call["query"])
            ),
            "alike": lambda call: self._of(call).alike(
                wire.tenant(call["tenant"]), call["dense"], limit=call["limit"]
            ),
            "count": lambda call: self._of(call).count(
                None if call["tenant"] is None else wire.tenant(call["tenant"])
            ),
            "optimise": self._optimise,
            "stage": self._stage,
        }

    @property
    def patience_s(self) -> float | None:
        """How long a call may be waited for before there is something else to do."""
        until = [self._optimiser.patience_s, IDLE_S if self._unflushed else None]
        return min((each for each in until if each is not None), default=None)

    def take(self, call: Message) -> Iterator[Message]:
        """Answer a call, unless it has to wait."""
        self._idle_since_s = self._clock()
        if not self._is_held(call):
            yield self._answer(call)
        elif len(self._held) < MAX_HELD:
            self._held.append(call)
        else:
            yield _refusal(call["id"], Problem.UNAVAILABLE, "The memory index is being copied.")

    def tend(self) -> Iterator[Message]:
        """Do what has to be done between two calls; answer those that waited."""
        self._optimiser.step()
        while self._held and not self._is_held(self._held[0]):
            yield self._answer(self._held.popleft())
        if self._held and self._clock() - self._alive_s >= ALIVE_S:
            self._alive_s = self._clock()
            yield {"id": wire.READY, "result": os.getpid()}
        is_idle = self._unflushed and self._clock() - self._idle_since_s >= IDLE_S
        if is_idle or self._unflushed >= MAX_UNFLUSHED:
            self._flush()

    @property
    def _unflushed(self) -> int:
        return sum(each.unflushed for each in self._shards.values())

    def _is_held(self, call: Message) -> bool:
        return call["do"] in wire.WRITES and self._optimiser.is_holding(wire.space(call["space"]).name)

    def _answer(self, call: Message) -> Message:
        try:
            return {"id": call["id"], "result": self._deeds[call["do"]](call)}
        except IsolationViolation as violation:
            return _refusal(call["id"], Problem.VIOLATION, str(violation))
        except IndexUnavailable as problem:
            return _refusal(call["id"], Problem.UNAVAILABLE, problem.message)
        except Exception as problem:  # noqa: BLE001 - the engine raises nothing more exact
            return _refusal(call["id"], Problem.UNAVAILABLE, f"The memory index refused: {problem}")

    def _flush(self) -> None:
        """Flush what was written to. What can't be, on a full disk, is tried again: nothing is lost by waiting."""
        for each in self._shards.values():
            if each.unflushed:
                try:
                    each.flush()
                except Exception:
                    log.exception("a shard of the memory index was not flushed")

    def close(self) -> None:
        """Flush and close all shards."""
        self._optimiser.close()
        self._flush()
        while self._shards:
            self._shards.popitem()[1].close()

    def _has(self, call: Message) -> bool:
        try:
            self._of(call)
        except IndexUnavailable:
            return False
        return True

    def _remove(self, call: Message) -> None:
        space = wire.space(call["space"])
        self._optimiser.leave(space.name)
        if shard := self._shards.pop(space.name, None):
            shard.close()
        Shard.remove(self._folder / space.name)

    def _open(self, call: Message) -> bool:
        space = wire.space(call["space"])
        try:
            self._loaded(space)
        except IndexUnavailable:
            self._shards[space.name] = Shard.create(
                self._folder / space.name, dimension=space.dimension, words=self._words
            )
            return False
        return True

    def _optimise(self, call: Message) -> bool:
        self._of(call)
        return self._optimiser.begin(wire.space(call["space"]).name)

    def _stage(self, call: Message) -> Message:
        shard, name = self._of(call), wire.space(call["space"]).name
        return {"stage": self._optimiser.stage(name), "unoptimised": shard.unoptimised}

    def _of(self, call: Message) -> Shard:
        return self._loaded(wire.space(call["space"]))

    def _loaded(self, space: Space) -> Shard:
        if space.name not in self._shards:
            self._shards[space.name] = Shard.load(
                self._folder / space.name, dimension=space.dimension, words=self._words
            )
        return self._shards[space.name]


class Calls:
    """Frames from a pipe, read as they come.

    Args:
        pipe: Its descriptor.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._buffer = bytearray()

    def next(self, *, timeout_s: float | None) -> Message | None:
        """Wait for a call; None when none came in time.

        Raises:
            EOFError: There will be no more: the other side has ended.
        """
        body = self._whole()
        while body is None:
            if not select.select([self._pipe], [], [], timeout_s)[0]:
                return None
            if not (read := os.read(self._pipe, 1 << 20)):
                raise EOFError
            self._buffer += read
            body = self._whole()
        return wire.message(body)

    def _whole(self) -> bytes | None:
        end = wire.LENGTH_BYTES
        if len(self._buffer) < end:
            return None
        end += wire.length(bytes(self._buffer[:end]))
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[wire.LENGTH_BYTES : end])
        del self._buffer[:end]
        return body


def serve(worker: Worker, calls: Calls, answers: RawIOBase) -> None:
    """Answer calls until there are no more, and do between them what else there is to do."""
    while True:
        try:
            call = calls.next(timeout_s=worker.patience_s)
        except EOFError:
            return
        given = chain(() if call is None else worker.take(call), worker.tend())
        answers.writelines(map(wire.frame, given))


def main(folder: Path, *, holder_grace_s: float) -> int:
    """Serve the shards in a folder until the input ends; the exit code is HELD when another process has it."""
    # whatever else prints must not do so between the frames
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("a+") as lock, answers:
        if not _locked(lock, grace_s=holder_grace_s):
            answers.write(wire.frame(_refusal(wire.READY, Problem.HELD, _remedy(folder, lock))))
            return HELD
        worker = Worker(folder)
        answers.write(wire.frame({"id": wire.READY, "result": os.getpid()}))
        try:
            serve(worker, Calls(0), answers)
        except BrokenPipeError:
            pass
        finally:
            worker.close()
    return 0


def _locked(lock: IO[str], *, grace_s: float) -> bool:
    """Take the lock, which ends with this process however that ends, and note who holds it."""
    until_s = time.monotonic() + grace_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until_s:
                return False
            time.sleep(_POLL_S)
        else:
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            return True


def _remedy(folder: Path, lock: IO[str]) -> str:
    lock.seek(0)
    return (
        f"The memory index in {folder} is in use by process {lock.read().strip() or 'unknown'}. Stop the server "
        "that it belongs to, or give this one a data folder of its own (CODELAB_DATA_DIR)."
    )


def _refusal(call: int, problem: Problem, message: str) -> Message:
    return {"id": call, "problem": problem, "message": message}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), holder_grace_s=float(sys.argv[2])))

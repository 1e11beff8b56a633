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
from collections.abc import Callable, Mapping
from io import RawIOBase
from pathlib import Path
from typing import IO

from domain.memory.ports import IndexUnavailable, IsolationViolation, Space
from persistence.qdrant import wire
from persistence.qdrant.bm25 import Bm25
from persistence.qdrant.shard import MAX_UNFLUSHED, Shard
from persistence.qdrant.wire import Message, Problem

IDLE_S = 1.0
"""Without a call for so long, what was written is flushed: that takes a tenth of a second and more."""
_POLL_S = 0.05
log = logging.getLogger(__name__)
HELD = 3
"""The exit code when it never does."""


class Worker:
    """All shards below a folder, one for each space, and what can be asked of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._words = Bm25()
        self._shards: dict[str, Shard] = {}
        self._deeds: Mapping[str, Callable[[Message], object]] = {
            "open": self._open,
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
        }

    @property
    def unflushed(self) -> int:
        """How many points were written since the last flush."""
        return sum(each.unflushed for each in self._shards.values())

    def answer(self, call: Message) -> Message:
        """Do what is asked and say what came of it."""
        try:
            return {"id": call["id"], "result": self._deeds[call["do"]](call)}
        except IsolationViolation as violation:
            return _refusal(call["id"], Problem.VIOLATION, str(violation))
        except IndexUnavailable as problem:
            return _refusal(call["id"], Problem.UNAVAILABLE, problem.message)
        except Exception as problem:  # noqa: BLE001 - the engine raises nothing more exact
            return _refusal(call["id"], Problem.UNAVAILABLE, f"The memory index refused: {problem}")

    def flush(self) -> None:
        """Flush what was written to. What can't be, on a full disk, is tried again: nothing is lost by waiting."""
        for each in self._shards.values():
            if each.unflushed:
                try:
                    each.flush()
                except Exception:
                    log.exception("a shard of the memory index was not flushed")

    def close(self) -> None:
        """Flush and close all shards."""
        self.flush()
        while self._shards:
            self._shards.popitem()[1].close()

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

    def _of(self, call: Message) -> Shard:
        return self._loaded(wire.space(call["space"]))

    def _loaded(self, space: Space) -> Shard:
        if space.name not in self._shards:
            self._shards[space.name] = Shard.load(self._folder / space.name, words=self._words)
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
    """Answer calls until there are no more; flush when there is time to, or much to flush."""
    while True:
        try:
            call = calls.next(timeout_s=IDLE_S if worker.unflushed else None)
        except EOFError:
            return
        if call is not None:
            answers.write(wire.frame(worker.answer(call)))
        if call is None or worker.unflushed >= MAX_UNFLUSHED:
            worker.flush()


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

"""The index's process seen from the server: started, started again after a crash, asked, and ended."""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from domain.memory.ports import IndexUnavailable, IsolationViolation
from persistence.qdrant import wire
from persistence.qdrant.silence import Silence
from persistence.qdrant.wire import Message, Problem

START_S = 30.0
"""How long the process may take until it listens, waiting for a holder of the folder included."""
HOLDER_GRACE_S = 10.0
"""A process that has lost its server is just ending: it flushes, and closes its shards."""
END_S = 10.0
MAX_CALLS = 64
"""Calls under way at once; more wait within their time."""
WRITES_SHARE = 4
"""A quarter as many writes, in slots of their own: while a shard is copied they wait, and searches don't."""
SILENT_S = 60.0
"""A process that hangs is ended after so long; one that opens a shard says nothing for some 7 us a point."""
FIRST_BACKOFF_S, LAST_BACKOFF_S = 0.05, 5.0
_ENDED = "The memory index has stopped; it is being started again."
WORKER = "persistence.qdrant.worker"
log = logging.getLogger(__name__)


class IndexHeld(IndexUnavailable):
    """Another process has the folder; the message names it and the remedy."""


class IndexProcess:
    """One process over one folder; `async with` starts and ends it.

    Args:
        folder: Where the shards are; made when it is missing.
        max_calls: Calls under way at once that write nothing.
        holder_grace_s: How long another process may take to let go of the folder, in seconds.
        end_s: How long this one may take to end once it was told to, before it is told less politely.
        silence: How long it may say nothing while calls wait before it is taken for stuck.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_calls: int = MAX_CALLS,
        holder_grace_s: float = HOLDER_GRACE_S,
        end_s: float = END_S,
        silence: Silence | None = None,
    ) -> None:
        self._command = (sys.executable, "-m", WORKER, str(folder), str(holder_grace_s))
        self._end_s = end_s
        self._slots = asyncio.Semaphore(max_calls)
        self._write_slots = asyncio.Semaphore(max(1, max_calls // WRITES_SHARE))
        self._silence = silence or Silence(SILENT_S)
        self._ids = count(wire.READY + 1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._process: Process | None = None
        self._up = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None while no process listens."""
        return self._process.pid if self._process else None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Start the process and wait until it listens.

        Raises:
            IndexHeld: Another process has the folder.
            IndexUnavailable: It ends at once, or does not listen in time.
        """
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep_running(first))
        try:
            async with asyncio.timeout(START_S):
                await first
        except TimeoutError:
            await self.aclose()
            raise IndexUnavailable(f"The memory index did not start within {START_S:g} s.") from None
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the process: it does what it was asked before, writes everything down and goes."""
        self._closing.set()
        self._up.set()
        if self._task is None:
            return
        try:
            for end in (_end_input, _terminate):
                end(self._process)
                if (await asyncio.wait([self._task], timeout=self._end_s))[0]:
                    return
        finally:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def ask(self, deed: str, arguments: Mapping[str, object], *, timeout_s: float) -> object:
        """Have something done and return the result.

        Raises:
            IndexUnavailable: It was not done, or not in time: then it may be done yet.
            IsolationViolation: What was found belongs to somebody else.
        """
        try:
            slots = self._write_slots if deed in wire.WRITES else self._slots
            async with asyncio.timeout(timeout_s), slots:
                pipe = await self._input()
                return await self._asked(pipe, {"id": next(self._ids), "do": deed, **arguments})
        except TimeoutError:
            raise IndexUnavailable(f"The memory index did not answer within {timeout_s:g} s.") from None

    async def _input(self) -> asyncio.StreamWriter:
        """Wait for a process that reads; that one has ended shows here first, or where it is read."""
        while True:
            await self._up.wait()
            if self._closing.is_set():
                raise IndexUnavailable("The memory index was ended.")
            pipe = self._process.stdin if self._process else None
            if pipe is not None and not pipe.is_closing():
                return pipe
            self._up.clear()

    async def _asked(self, pipe: asyncio.StreamWriter, call: Message) -> object:
        answer = self._waiting[call["id"]] = asyncio.get_running_loop().create_future()
        try:
            await _write(pipe, wire.frame(call))
            self._silence.asked()
            return _result(await answer)
        finally:
            del self._waiting[call["id"]]

    async def _keep_running(self, first: asyncio.Future[None]) -> None:
        """Run one process after the other until closing; how the first start went is told to `first`."""
        backoff_s = FIRST_BACKOFF_S
        while not self._closing.is_set():
            try:
                served = await self._run(first)
            except (IndexUnavailable, OSError, ValueError) as problem:
                if not first.done():
                    first.set_exception(_unavailable(problem))
                    return
                served = False
                log.warning("the memory index did not start: %s", problem)
            backoff_s = FIRST_BACKOFF_S if served else min(2 * backoff_s, LAST_BACKOFF_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(backoff_s):
                    await self._closing.wait()

    async def _run(self, first: asyncio.Future[None]) -> bool:
        """Run a process until it ends; whether it served a call.

        Raises:
            IndexUnavailable: It ended before it listened.
        """
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            # a Ctrl-C is for the server, which still has memories to write down
            start_new_session=True,
        )
        try:
            output = _output(process)
            await _listening(output)
            if not first.done():
                first.set_result(None)
            if self._closing.is_set():
                return True
            self._process = process
            self._up.set()
            async with self._silence.bounded():
                return await self._read(output)
        except TimeoutError:
            log.warning("the memory index said nothing for %g s and is ended", self._silence.limit_s)
            process.kill()
            return True
        except BaseException:
            process.kill()
            raise
        finally:
            self._forget()
            await _ended(process, end_s=self._end_s)
            if not self._closing.is_set():
                log.warning("the memory index's process ended: %s", process.returncode)

    async def _read(self, output: asyncio.StreamReader) -> bool:
        """Hand answers to those who wait for them until the output ends; whether there was any."""
        served = False
        with suppress(asyncio.IncompleteReadError):
            while True:
                answer = await _message(output)
                served = True
                self._silence.heard(is_answer=answer["id"] != wire.READY)
                waiting = self._waiting.get(answer["id"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        return served

    def _forget(self) -> None:
        """Tell everyone who waits that there will be no answer."""
        if not self._closing.is_set():
            self._up.clear()
        self._process = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(IndexUnavailable(_ENDED))


async def _write(pipe: asyncio.StreamWriter, frame: bytes) -> None:
    try:
        # waits before it writes: a process that reads nothing is not handed more and more
        await pipe.drain()
        pipe.write(frame)
    except (ConnectionError, RuntimeError) as problem:
        raise IndexUnavailable(_ENDED) from problem


def _result(answer: Message) -> object:
    match answer.get("problem"):
        case None:
            return answer["result"]
        case Problem.VIOLATION:
            raise IsolationViolation(answer["message"])
        case Problem.HELD:
            raise IndexHeld(answer["message"])
        case _:
            raise IndexUnavailable(answer["message"])


def _unavailable(problem: Exception) -> IndexUnavailable:
    if isinstance(problem, IndexUnavailable):
        return problem
    return IndexUnavailable(f"The memory index can't be started: {problem}")


async def _listening(output: asyncio.StreamReader) -> None:
    try:
        _result(await _message(output))
    except asyncio.IncompleteReadError:
        raise IndexUnavailable("The memory index ended while it was being started.") from None


async def _message(output: asyncio.StreamReader) -> Message:
    size = wire.length(await output.readexactly(wire.LENGTH_BYTES))
    return wire.message(await output.readexactly(size))


def _output(process: Process) -> asyncio.StreamReader:
    if process.stdout is None:
        raise RuntimeError("the process was started without a pipe")
    return process.stdout


def _end_input(process: Process | None) -> None:
    if process is not None and process.stdin is not None:
        process.stdin.close()


def _terminate(process: Process | None) -> None:
    if process is not None:
        with suppress(ProcessLookupError):
            process.terminate()


async def _ended(process: Process, *, end_s: float) -> None:
    """Wait for the end; who closes the output and does not go is killed."""
    _end_input(process)
    try:
        async with asyncio.timeout(end_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()

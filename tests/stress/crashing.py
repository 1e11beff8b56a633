"""Processes that end themselves (SIGKILL) at every moment of a direct call, and others that come after them.

`python -m tests.stress.crashing SPEC` prints one JSON object a line: first what a call consists of, then
what became of it for each moment. Each process is forked from this one, which loads the application
once and never opens anything itself. There is no memory index: its writer would commit whenever it
likes, and the moments of a call could not be counted.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from pydantic import SecretStr

from domain.agents import writer
from domain.bus.recover import RESTARTS
from domain.bus.worker import WorkerTimes
from domain.conversations.send import NewMessageInput
from domain.conversations.states import RUN_ENDS
from domain.scopes import UserScope, UserTx
from graphql_api.app.main import Parts, open_parts
from graphql_api.app.settings import Settings
from persistence.memory.absent_index import AbsentIndex
from persistence.statements import Rows
from persistence.tables.identity import users
from tests.stress.crowd import settle_one

TOKENS_PER_SECOND = 20
"""Slow enough that each word is saved by a commit of its own, so that all runs have as many."""
LIVE_CALLS = ("begin", "append", "publish", "finish")
PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Spec:
    """Where the data are, how many words the answer has, and which share of all moments to try."""

    folder: str
    url: str | None
    words: int
    lane: int
    lanes: int
    times: dict[str, float]
    every_live_call: bool

    @property
    def settings(self) -> Settings:
        return Settings(
            data_dir=Path(self.folder),
            database_url=None if self.url is None else SecretStr(self.url),
            offline_tokens_per_second=TOKENS_PER_SECOND,
        )

    @property
    def answer(self) -> str:
        return " ".join(f"word{number}" for number in range(self.words))


@dataclass(frozen=True, slots=True)
class Home:
    """Who asks whom."""

    user_id: str
    project_id: str
    agent_id: str


@dataclass
class Trap:
    """Counts the commits and live calls of one user, and ends the process at one of them."""

    at: tuple[str, int] | None
    commits: int = 0
    live_calls: int = 0
    words: int = 0

    def reached(self, *moment: object) -> None:
        if self.at == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def set_up(self, parts: Parts) -> None:
        """Put itself between the application and its stores."""
        database, live = parts.stores.database, parts.stores.live
        vars(database)["write"] = self._writing(database.write)
        for name in LIVE_CALLS:
            vars(live)[name] = self._speaking(getattr(live, name), is_word=name == "append")

    def _writing(self, write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(work: Callable[[sa.Connection], Any], *, user_id: UUID | None) -> Any:
            if user_id is None:
                return await write(work, user_id=None)
            self.commits += 1
            number = self.commits

            def done(connection: sa.Connection) -> Any:
                result = work(connection)
                self.reached("before commit", number)
                return result

            result = await write(done, user_id=user_id)
            self.reached("after commit", number)
            return result

        return counted

    def _speaking(
        self, call: Callable[..., Awaitable[Any]], *, is_word: bool
    ) -> Callable[..., Awaitable[Any]]:
        async def counted(*args: Any, **options: Any) -> Any:
            self.live_calls += 1
            self.words += is_word
            self.reached("before live call", self.live_calls)
            self.reached("before word", self.words)
            return await call(*args, **options)

        return counted


class Story:
    """One call and what became of it; the same name is the same session and the same message."""

    def __init__(self, spec: Spec, home: Home, name: str) -> None:
        self._spec = spec
        self._name = name
        self._user_id, self._project_id, self._agent_id = (UUID(it) for it in asdict(home).values())

    async def lived(self, at: tuple[str, int] | None) -> dict[str, object]:
        """Ask and wait for the answer; does not return when the process ends on the way."""
        async with self._open() as (parts, scope):
            session_id = await self._session(parts, scope)
            trap = Trap(at)
            trap.set_up(parts)
            begun = await parts.services.send.message(scope, session_id, self._message())
            await parts.services.wait_for_run(scope, begun, seconds=PATIENCE_S)
            while parts.worker.running:
                await asyncio.sleep(0.005)
            return {"commits": trap.commits, "live calls": trap.live_calls}

    async def gone_on_with(self) -> dict[str, object]:
        """Start where the process before was ended: what becomes of the run, and of the message when it is sent again."""
        began = time.monotonic()
        async with self._open() as (parts, scope):
            calls: list[None] = []
            _count(parts, calls)
            session_id = await self._session(parts, scope)
            known = await scope.read_once(lambda tx: self._run_id(tx, session_id))
            if known is not None:
                await self._ended(scope, known)
            took_s = time.monotonic() - began
            again = await parts.services.send.message(scope, session_id, self._message())
            await self._ended(scope, again.run_id)
            while parts.worker.running:
                await asyncio.sleep(0.005)
            told = await scope.read_once(lambda tx: self._told(tx, again.run_id))
            return {
                "admitted": known is not None,
                "one run": known in {None, again.run_id},
                "took_s": round(took_s, 2),
                "model calls": len(calls),
                **told,
            }

    async def gone_on_until(self, at: tuple[str, int]) -> dict[str, object]:
        """Start where the process before was ended, and end in the same way."""
        async with self._open(Trap(at)):
            await asyncio.sleep(PATIENCE_S)
        return {}

    @asynccontextmanager
    async def _open(self, trap: Trap | None = None) -> AsyncIterator[tuple[Parts, UserScope]]:
        times = WorkerTimes(**self._spec.times)
        async with open_parts(
            self._spec.settings, migrate=False, worker_times=times, memory_index=AbsentIndex()
        ) as parts:
            if trap is not None:
                trap.set_up(parts)
            yield parts, parts.stores.scopes.open(self._user_id)

    async def _session(self, parts: Parts, scope: UserScope) -> UUID:
        return await parts.services.sessions.create(scope, self._project_id, title=None, key=self._name)

    def _message(self) -> NewMessageInput:
        return NewMessageInput(f"repeat {self._spec.answer}", self._name, target=self._agent_id)

    def _run_id(self, tx: UserTx, session_id: UUID) -> UUID | None:
        known = tx.project(self._project_id).runs.by_key(session_id, self._name)
        return known.run_id if known else None

    async def _ended(self, scope: UserScope, run_id: UUID) -> None:
        def ended(tx: UserTx) -> bool:
            return tx.project(self._project_id).runs.many([run_id])[run_id].status in RUN_ENDS

        async with asyncio.timeout(PATIENCE_S):
            while not await scope.read_once(ended):
                await asyncio.sleep(0.02)

    def _told(self, tx: UserTx, run_id: UUID) -> dict[str, object]:
        p = tx.project(self._project_id)
        run = p.runs.many([run_id])[run_id]
        answer = p.messages.many([run.answer_id])[run.answer_id]
        return {
            "status": run.status,
            "problem": run.problem,
            "text": answer.content,
            "whole": answer.content == self._spec.answer,
            "generation": answer.generation,
        }


def _count(parts: Parts, calls: list[None]) -> None:
    stream = parts.models.stream

    def counted(request: Any) -> Any:
        calls.append(None)
        return stream(request)

    vars(parts.models)["stream"] = counted


async def _found(spec: Spec) -> dict[str, object]:
    """Make a user with an agent."""
    async with open_parts(spec.settings, memory_index=AbsentIndex()) as parts:
        home = Home(str(uuid4()), str(uuid4()), str(uuid4()))
        user_id = UUID(home.user_id)
        row = {"email": "ada@example.org", "email_folded": f"{user_id}@example.org"}
        await parts.stores.database.write(
            lambda connection: Rows(connection, user_id=user_id).insert(users, row), user_id=user_id
        )
        await settle_one(
            parts.stores.scopes.open(user_id), UUID(home.project_id), UUID(home.agent_id), limit=3
        )
        return asdict(home)


def forked(work: Callable[[], Coroutine[Any, Any, dict[str, object]]]) -> dict[str, object] | None:
    """What another process makes of it; None when it was killed.

    Raises:
        RuntimeError: it failed in another way, which it has printed.
    """
    reader, writing_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        code = 1
        try:
            with os.fdopen(writing_end, "w") as result:
                result.write(json.dumps(asyncio.run(work())))
            code = 0
        except BaseException:  # noqa: BLE001 whatever it was, this process ends here and says so
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    os.close(writing_end)
    with os.fdopen(reader) as result:
        text = result.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    if status:
        raise RuntimeError(f"a process failed with status {status}")
    found: dict[str, object] = json.loads(text)
    return found


def moments(dry: dict[str, Any], *, every_live_call: bool) -> list[tuple[str, int]]:
    """Before and after each commit, and before each (or each second) word to the live store."""
    commits = range(1, dry["commits"] + 1)
    calls = range(1, dry["live calls"] + 1, 1 if every_live_call else 2)
    return [
        *(("before commit", number) for number in commits),
        *(("after commit", number) for number in commits),
        *(("before live call", number) for number in calls),
    ]


def main(text: str) -> None:
    """Try this lane's share of all moments, one after the other, on the same data."""
    spec = Spec(**json.loads(text))
    writer.CHECKPOINT_S = 0.0  # each word is saved, so that every moment can be told by its number
    found = forked(lambda: _found(spec))
    home = Home(**{name: str(value) for name, value in (found or {}).items()})
    dry = forked(lambda: Story(spec, home, "dry").lived(None)) or {}
    tried = moments(dry, every_live_call=spec.every_live_call)
    _say({"dry": dry, "moments": len(tried)})
    for kind, number in tried[spec.lane :: spec.lanes]:
        story = Story(spec, home, f"{kind} {number}")
        killed = forked(lambda story=story, at=(kind, number): story.lived(at)) is None  # type: ignore[misc]  # the loop's values
        _say({"moment": [kind, number], "killed": killed, **(forked(story.gone_on_with) or {})})
    if spec.lane == 0:
        _say(_hopeless(Story(spec, home, "hopeless")))


def _hopeless(story: Story) -> dict[str, object]:
    """What becomes of a run that takes every process along that works on it."""
    at = ("before word", 2)
    killed = [forked(lambda: story.lived(at)) is None]
    killed += [forked(lambda: story.gone_on_until(at)) is None for _ in range(RESTARTS)]
    return {"moment": ["hopeless", len(killed)], "killed": all(killed), **(forked(story.gone_on_with) or {})}


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])

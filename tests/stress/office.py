"""A process that only answers requests, beside worker processes on PostgreSQL and Redis: asks, listens, looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from domain.conversations.entities import Run
from domain.conversations.send import NewMessageInput
from domain.conversations.states import RUN_ENDS
from domain.events.live import Delta, SessionKey
from domain.scopes import UserScope
from graphql_api.app.main import Parts, open_parts
from graphql_api.app.setting_types import ProcessRole
from persistence.statements import Rows
from persistence.tables.identity import users
from tests.stress.bench import new_id
from tests.stress.books import Books
from tests.stress.crowd import settle_one
from tests.stress.worker_process import WorkerProcess, WorkerSpec, settings_of

PATIENCE_S = 60


@dataclass
class Heard:
    """The deltas of one session, each with the moment at which it came."""

    deltas: list[tuple[float, Delta]] = field(default_factory=list)

    def of(self, generation: int) -> list[Delta]:
        return [delta for _, delta in self.deltas if delta.generation == generation]

    def text(self, generation: int) -> str:
        return "".join(delta.text for delta in self.of(generation))

    def began_at(self, generation: int) -> float:
        """When its first delta came, by the monotonic clock."""
        return next(at for at, delta in self.deltas if delta.generation == generation)

    def stale(self) -> list[Delta]:
        """Deltas of a generation after a newer one had begun."""
        newest, found = 0, []
        for _, delta in self.deltas:
            newest = max(newest, delta.generation)
            found += [delta] if delta.generation < newest else []
        return found


@dataclass(frozen=True)
class Question:
    """What was asked, and what is heard of its answer."""

    run_id: UUID
    answer_id: UUID
    heard: Heard


class Office:
    """One user, one agent, and the way to the workers."""

    def __init__(self, parts: Parts, books: Books, spec: WorkerSpec) -> None:
        self.parts = parts
        self.books = books
        self.spec = spec
        self._user_id, self._project_id, self._agent_id = new_id(), new_id(), new_id()
        self._listeners: list[asyncio.Task[None]] = []

    @property
    def scope(self) -> UserScope:
        return self.parts.stores.scopes.open(self._user_id)

    async def settle(self) -> None:
        """Make the user and the agent."""
        row = {"email": "ada@example.org", "email_folded": f"{self._user_id}@example.org"}
        await self.parts.stores.database.write(
            lambda connection: Rows(connection, user_id=self._user_id).insert(users, row),
            user_id=self._user_id,
        )
        await settle_one(self.scope, self._project_id, self._agent_id, limit=3)

    async def ask(self, words: str) -> Question:
        """Have the agent repeat something, in a session of its own that is listened to."""
        scope = self.scope
        session_id = await self.parts.services.sessions.create(scope, self._project_id, title=None, key=None)
        heard, listening = Heard(), asyncio.Event()
        self._listeners.append(asyncio.create_task(self._listen(session_id, heard, listening)))
        await listening.wait()
        new = NewMessageInput(f"repeat {words}", str(new_id()), target=self._agent_id)
        begun = await self.parts.services.send.message(scope, session_id, new)
        return Question(begun.run_id, (await self.run(begun.run_id)).answer_id, heard)

    async def run(self, run_id: UUID) -> Run:
        """The run as it is now."""
        return await self.scope.read_once(lambda tx: tx.project(self._project_id).runs.many([run_id])[run_id])

    async def answered(self, asked: Question) -> Run:
        """The run when it has ended."""

        async def ended() -> bool:
            return (await self.run(asked.run_id)).status in RUN_ENDS

        await until(ended)
        return await self.run(asked.run_id)

    async def text(self, asked: Question) -> str:
        """The answer as it is kept."""
        message = await self.scope.read_once(
            lambda tx: tx.project(self._project_id).messages.many([asked.answer_id])[asked.answer_id]
        )
        return message.content

    async def holder(self, workers: list[WorkerProcess]) -> tuple[WorkerProcess, WorkerProcess]:
        """Which of two works on the only task, and which does not."""
        rows = await self.books.rows("SELECT worker_id FROM tasks WHERE status = 'RUNNING'")
        first, second = workers
        return (first, second) if str(rows[0][0]) == first.worker_id else (second, first)

    async def close(self) -> None:
        for listener in self._listeners:
            listener.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)

    async def _listen(self, session_id: UUID, heard: Heard, listening: asyncio.Event) -> None:
        async with self.parts.stores.live.listen(SessionKey(self._user_id, session_id)) as items:
            listening.set()
            async for item in items:
                if isinstance(item, Delta):
                    heard.deltas.append((time.monotonic(), item))


async def until(holds: Callable[[], Awaitable[bool]], *, timeout_s: float = PATIENCE_S) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(timeout_s):
        while not await holds():
            await asyncio.sleep(0.01)


async def until_heard(asked: Question, *, generation: int, deltas: int = 1) -> None:
    """Wait until so many deltas of a generation have come."""

    async def heard() -> bool:
        return len(asked.heard.of(generation)) >= deltas

    await until(heard)


@asynccontextmanager
async def open_office(spec: WorkerSpec, books: Books) -> AsyncIterator[Office]:
    """An office without workers."""
    async with open_parts(settings_of(spec, ProcessRole.API), migrate=False) as parts:
        office = Office(parts, books, spec)
        await office.settle()
        try:
            yield office
        finally:
            await office.close()


@asynccontextmanager
async def two_workers(office: Office, folder: Path) -> AsyncIterator[list[WorkerProcess]]:
    """Two worker processes, ended at the end whatever state they are in."""
    workers = [WorkerProcess(office.spec, output=folder / f"worker{number}.log") for number in range(2)]
    try:
        for worker in workers:
            await worker.until_ready()
        yield workers
    finally:
        for worker in workers:
            if worker.process.running:
                await worker.process.kill()

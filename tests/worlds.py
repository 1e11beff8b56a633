"""A whole process over a real database, in which nothing happens until a test lets it.

The use cases, the worker and the runner are the real ones; the model is scripted, time stands still until
it is moved, and everything that is announced is written down. The databases are kept for the whole run of
the tests and emptied before each one.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar, cast
from uuid import UUID

import pytest
import sqlalchemy as sa
from broadcaster import Broadcast

from domain.agents.create import add_agent
from domain.agents.entities import Agent
from domain.agents.inputs import AgentInput
from domain.agents.runner import Runner, RunnerLimits
from domain.agents.versions import AgentVersions
from domain.bus.guard import Work
from domain.bus.ports import EngineQueue
from domain.bus.worker import Worker, WorkerTimes
from domain.conversations.begin import Begin, Begun
from domain.conversations.delete_message import DeleteMessage
from domain.conversations.entities import Message, Run, Session
from domain.conversations.send import NewMessageInput, Send
from domain.conversations.sessions import Sessions
from domain.conversations.stop import Stop
from domain.conversations.wait import WaitForRun
from domain.events.kinds import Fact
from domain.events.live import SessionKey
from domain.events.reader import SessionTails
from domain.memory.collections import CollectionStore
from domain.memory.projector import Projector
from domain.memory.rebuild import Rebuild
from domain.memory.recall import Recall
from domain.memory.reindex import Reindex
from domain.memory.remember import Remember
from domain.memory.remind import Remind
from domain.memory.rerank import Rerank
from domain.memory.serving import Collections
from domain.models.entities import ModelChunk, ModelFinished, ModelRef, ModelRequest, ModelUsage, TextDelta
from domain.scopes import ProjectTx, UserTx
from domain.tasks.ports import OpenTask
from persistence.collections import SqlCollectionStore
from persistence.fact_log import SqlFactLog
from persistence.memory.hints import MemoryHints
from persistence.memory.live import MemoryLive
from persistence.postgres import PostgresDatabase
from persistence.scopes import SqlScopes, SqlUserScope
from persistence.sqlite import SqliteDatabase
from persistence.statements import Rows
from persistence.tables.identity import users
from persistence.unowned import Unowned
from tests.clock import FakeClock
from tests.domain.memory.fakes import ListIndex, WordEmbedder
from tests.launchers.postgres import PostgresServer
from tests.persistence.databases import FILE, Stored
from tests.persistence.people import NumberedIds, reading

T = TypeVar("T")

ROOTS = ("users", "outbox", "memory_collections")
"""What everything that is stored belongs to, or is itself."""
PATIENCE_S = 60
"""How long a test waits for what must come at once; it is a failure that takes so long."""


async def until(condition: Callable[[], object]) -> None:
    """Let everything go on until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


@dataclass
class ScriptedModel:
    """A gateway that says what it is told, piece by piece, and can be held before the last one.

    Unless there is a script, it answers "Answer to: {question}".
    """

    pieces: Sequence[str] | None = None
    problem: Exception | None = None
    held: bool = False
    requests: list[ModelRequest] = field(default_factory=list)
    waiting: int = 0
    closed: int = 0
    _going: asyncio.Event = field(default_factory=asyncio.Event)

    default_name = "scripted"
    offline = True

    def resolve(self, model: ModelRef) -> ModelRef:
        return model

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        self.requests.append(request)
        try:
            for piece in self._pieces(request):
                yield TextDelta(piece)
            while self.held:
                self.waiting += 1
                self._going.clear()
                try:
                    await self._going.wait()
                finally:
                    self.waiting -= 1
            if self.problem is not None:
                raise self.problem
            yield ModelFinished("scripted-1", "stop", ModelUsage(11, 7), 42, price_known=True, tool_calls=())
        finally:
            self.closed += 1

    def hold(self) -> None:
        """Finish no answer from now on."""
        self.held = True

    def release(self) -> None:
        """Finish what is held."""
        self.held = False
        self._going.set()

    def _pieces(self, request: ModelRequest) -> Sequence[str]:
        return self.pieces if self.pieces is not None else ("Answer to: ", request.messages[-1].content)


class HeardLive(MemoryLive):
    """The live store of one process, which also keeps what was published."""

    published: list[tuple[SessionKey, Sequence[Fact]]]

    async def publish(self, key: SessionKey, facts: Sequence[Fact]) -> None:
        self.published.append((key, tuple(facts)))
        await super().publish(key, facts)


class HeardHints(MemoryHints):
    """Hints inside one process, which also keeps them, and can lose them."""

    sent: list[tuple[str, Mapping[str, object]]]
    lost = False

    async def send(self, channel: str, hint: Mapping[str, object]) -> None:
        self.sent.append((channel, hint))
        if not self.lost:
            await super().send(channel, hint)


@dataclass(frozen=True)
class Owner:
    """A user with one project and agents by handle."""

    user_id: UUID
    project_id: UUID
    agents: Mapping[str, UUID]


class World:
    """One process. `capacity` is its worker's; a worker without room claims nothing, so that messages wait."""

    def __init__(self, stored: Stored, broadcast: Broadcast, *, capacity: int = 10) -> None:
        self.stored = stored
        self.database = stored.database
        self.clock = stored.clock
        self.new_id = NumberedIds()
        self.live = HeardLive(broadcast, monotonic_s=self.clock.monotonic_s)
        self.live.published = []
        self.hints = HeardHints(broadcast)
        self.hints.sent = []
        self.scopes = SqlScopes(self.database, live=self.live, hints=self.hints)
        self.queue = Unowned(self.database)
        self.log = SqlFactLog(self.database)
        self.model = ScriptedModel()
        self.index, self.embedder = ListIndex(), WordEmbedder()
        self.embedders = [self.embedder]
        self.collections = self.collections_of(self.embedder)
        self.recall = Recall(index=self.index, collections=self.collections, clock=self.clock)
        self.projector = self.projector_of(self.collections)
        self.remember = Remember(new_id=self.new_id)
        self.worker = self.another_worker(capacity=capacity)
        self.send = Send(begin=Begin(new_id=self.new_id, labour=self.worker), labour=self.worker)
        nobody = self.another_worker(capacity=0)
        self.send_to_queue = Send(begin=Begin(new_id=self.new_id, labour=nobody), labour=nobody)
        self.stop = Stop(live=self.live)
        self.sessions = Sessions(new_id=self.new_id, live=self.live)
        self.delete_message = DeleteMessage(live=self.live)
        self.tails = SessionTails(live=self.live, log=self.log, clock=self.clock)
        self.wait = WaitForRun(self.tails, work=self.worker)

    def collections_of(self, embedder: WordEmbedder, *, store: CollectionStore | None = None) -> Collections:
        """What a process knows of the collections that is configured with an embedder."""
        return Collections(
            store or SqlCollectionStore(self.database),
            embedder=embedder,
            embedder_of=lambda space: next(
                (it for it in self.embedders if it.space.model == space.model), None
            ),
            hints=self.hints,
        )

    def projector_of(self, collections: Collections) -> Projector:
        """A writer of the index, as another process has it."""
        rebuild = Rebuild(tenants=self.queue, scopes=self.scopes)
        return Projector(
            outbox=self.queue,
            scopes=self.scopes,
            index=self.index,
            collections=collections,
            hints=self.hints,
            reindex=Reindex(collections=collections, index=self.index, rebuild=rebuild),
            retry_s=0.02,
        )

    def runner(
        self, *, limits: RunnerLimits | None = None, rerank: Rerank | None = None, reviewed: bool = False
    ) -> Runner:
        """What works on claims."""
        return Runner(
            scopes=self.scopes,
            models=self.model,
            live=self.live,
            versions=AgentVersions(clock=self.clock),
            remind=Remind(self.recall, rerank=rerank, monotonic=self.clock.monotonic_s),
            new_id=self.new_id,
            monotonic=self.clock.monotonic_s,
            limits=limits,
            reviewed=reviewed,
        )

    def another_worker(
        self,
        *,
        capacity: int = 10,
        times: WorkerTimes | None = None,
        limits: RunnerLimits | None = None,
        queue: EngineQueue | None = None,
        work: Work | None = None,
    ) -> Worker:
        """A worker with a name of its own, as another process has it."""
        return Worker(
            self.new_id(),
            queue=queue or self.queue,
            scopes=self.scopes,
            live=self.live,
            hints=self.hints,
            work=work or self.runner(limits=limits),
            capacity=capacity,
            monotonic=self.clock.monotonic_s,
            times=times,
        )

    async def indexed(self) -> None:
        """Let the index hear of everything."""
        await self.projector.work()

    @asynccontextmanager
    async def projecting(self) -> AsyncIterator[None]:
        """Let the index hear of everything beside what is done inside; its collection is ready by then."""
        if not self.index.down:
            await self.indexed()
        projecting = asyncio.create_task(self.projector.run())
        try:
            yield
        finally:
            projecting.cancel()
            await asyncio.wait([projecting])

    @asynccontextmanager
    async def serving(self, worker: Worker | None = None) -> AsyncIterator[Worker]:
        """Let a worker serve."""
        worker = worker or self.worker
        serving = asyncio.create_task(worker.serve())
        try:
            yield worker
        finally:
            serving.cancel()
            await asyncio.wait([serving])

    async def aclose(self) -> None:
        """End what runs and forget it."""
        self.model.release()
        await self.tails.aclose()
        await until(lambda: not self.worker.running)

    async def owner(self, *handles: str, limit: int = 3) -> Owner:
        """A new user with a project and agents, `coder` alone unless others are named."""
        user_id, project_id = self.new_id(), self.new_id()
        agents = {handle: self.new_id() for handle in handles or ("coder",)}
        row = {"email": f"{user_id}@example.org", "email_folded": f"{user_id}@example.org"}

        def insert(connection: sa.Connection) -> None:
            Rows(connection, user_id=user_id).insert(users, row)

        await self.database.write(insert, user_id=user_id)
        await self.scopes.open(user_id).write(partial(_settle, project_id, agents, limit))
        return Owner(user_id, project_id, agents)

    async def project(self, owner: Owner, *handles: str) -> Owner:
        """Another project of the same user."""
        project_id, agents = self.new_id(), {handle: self.new_id() for handle in handles or ("coder",)}
        await self.scopes.open(owner.user_id).write(partial(_settle, project_id, agents, 3))
        return Owner(owner.user_id, project_id, agents)

    def scope(self, owner: Owner) -> SqlUserScope:
        """A doorway, as a new request has it."""
        return self.scopes.open(owner.user_id)

    async def read(self, owner: Owner, work: Callable[[ProjectTx], T]) -> T:
        """What a new request reads in the owner's project."""
        return await reading(self.scope(owner), lambda tx: work(tx.project(owner.project_id)))

    async def write(self, owner: Owner, work: Callable[[ProjectTx], T]) -> T:
        """A transaction in the owner's project."""
        return await self.scope(owner).write(lambda tx: work(tx.project(owner.project_id)))

    async def session(self, owner: Owner, title: str | None = None, *, key: str | None = None) -> UUID:
        """A new session."""
        return await self.sessions.create(self.scope(owner), owner.project_id, title=title, key=key)

    async def say(
        self,
        owner: Owner,
        session_id: UUID,
        content: str = "Question?",
        *,
        target: UUID | str | None = None,
        parent_id: UUID | None = None,
        key: str | None = None,
        auto: bool = False,
        queued: bool = False,
    ) -> Begun:
        """Send a message; a key of its own unless one is given, to the first agent unless another is named.

        A message that is `queued` waits for a worker, as if it came through another process.
        """
        if target is None and not auto and not content.lstrip().startswith("@"):
            target = next(iter(owner.agents.values()))
        new = NewMessageInput(content, str(self.new_id()) if key is None else key, target, parent_id)
        send = self.send_to_queue if queued else self.send
        return await send.message(self.scope(owner), session_id, new)

    async def asked(
        self,
        owner: Owner,
        session_id: UUID,
        content: str = "Question?",
        *,
        target: UUID | str | None = None,
        parent_id: UUID | None = None,
    ) -> Begun:
        """Send a message and wait until it is answered."""
        begun = await self.say(owner, session_id, content, target=target, parent_id=parent_id)
        await self.idle()
        return begun

    async def idle(self) -> None:
        """Wait until this process's worker has ended what it runs."""
        await until(lambda: not self.worker.running)

    async def work_off(self, worker: Worker | None = None) -> None:
        """Let a worker serve until nothing is open any more."""
        async with self.serving(worker):
            async with asyncio.timeout(PATIENCE_S):
                while await self.queue.queue_depth() != (0, 0):
                    await asyncio.sleep(0.002)
            await until(lambda: not (worker or self.worker).running)

    async def run_of(self, owner: Owner, begun: Begun | UUID) -> Run:
        """A run as it is now."""
        run_id = begun if isinstance(begun, UUID) else begun.run_id
        return (await self.read(owner, lambda p: p.runs.many([run_id])))[run_id]

    async def message(self, owner: Owner, message_id: UUID) -> Message:
        """A message as it is now."""
        return (await self.read(owner, lambda p: p.messages.many([message_id])))[message_id]

    async def answer_to(self, owner: Owner, begun: Begun) -> Message:
        """The answer of a run as it is now."""
        return await self.message(owner, (await self.run_of(owner, begun)).answer_id)

    async def session_now(self, owner: Owner, session_id: UUID) -> Session:
        """A session as it is now."""
        return (await self.read(owner, lambda p: p.sessions.many([session_id])))[session_id]

    async def agent(self, owner: Owner, handle: str = "coder") -> Agent:
        """An agent as it is now."""
        agent_id = owner.agents[handle]
        return (await self.read(owner, lambda p: p.agents.many([agent_id])))[agent_id]

    async def open_tasks(self, owner: Owner) -> Sequence[OpenTask]:
        """What is open in the owner's project."""
        return await self.read(owner, lambda p: p.tasks.open_of_project())

    async def facts(self, owner: Owner, session_id: UUID) -> list[Fact]:
        """The session's log, which has no gaps."""
        facts = await self.log.facts(SessionKey(owner.user_id, session_id), after=0, limit=100_000)
        assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))
        return facts

    def connections_held(self) -> int:
        """Connections that somebody reads or writes with."""
        return self.database.connections().in_use

    def engine_hints(self) -> list[Mapping[str, object]]:
        """What workers were told."""
        return [hint for channel, hint in self.hints.sent if channel == "engine"]

    def forget(self) -> None:
        """Forget what was announced so far."""
        self.live.published.clear()
        self.hints.sent.clear()


def _settle(project_id: UUID, agents: Mapping[str, UUID], limit: int, tx: UserTx) -> None:
    tx.projects.add(project_id, name=f"Project {project_id}", workspace_path=None)
    for handle, agent_id in agents.items():
        wanted = AgentInput(name=handle.title(), handle=handle, concurrency_limit=limit)
        add_agent(tx.project(project_id), wanted, agent_id=agent_id)


@pytest.fixture(scope="session")
async def kept_sqlite(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> AsyncIterator[Stored]:
    """One SQLite file for the whole run."""
    path = tmp_path_factory.mktemp("kept") / FILE
    shutil.copy(sqlite_template, path)
    clock = FakeClock()
    database = SqliteDatabase(path, clock=clock)
    yield Stored(database, clock)
    await database.close()


@pytest.fixture(scope="session")
async def kept_postgres(postgres_server: PostgresServer, postgres_template: str) -> AsyncIterator[Stored]:
    """One PostgreSQL database for the whole run."""
    name = await postgres_server.create_database(template=postgres_template)
    database = PostgresDatabase(postgres_server.url(name))
    yield Stored(database, FakeClock(), postgres_server, name)
    await database.close()
    await postgres_server.drop_database(name)


def _empty(connection: sa.Connection, *, table: str) -> None:
    connection.exec_driver_sql(f"DELETE FROM {table}")


async def emptied(stored: Stored) -> Stored:
    """The database without anybody in it."""
    if stored.server is not None:
        await stored.server.execute(
            "; ".join(f"DELETE FROM {table}" for table in ROOTS), database=stored.name
        )
    else:
        for table in ROOTS:
            await stored.database.write(partial(_empty, table=table), user_id=None)
    return stored


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kept(request: pytest.FixtureRequest) -> Stored:
    """A database of each kind, with whatever the last test left in it."""
    return cast("Stored", request.getfixturevalue(f"kept_{request.param}"))


@pytest.fixture
async def world(kept: Stored) -> AsyncIterator[World]:
    """A process over an empty database of each kind."""
    async with opened(await emptied(kept)) as made:
        yield made


@asynccontextmanager
async def opened(stored: Stored, *, capacity: int = 10) -> AsyncIterator[World]:
    """A process over a database."""
    async with AsyncExitStack() as stack:
        broadcast = await stack.enter_async_context(Broadcast("memory://"))
        made = World(stored, broadcast, capacity=capacity)
        stack.push_async_callback(made.aclose)
        yield made

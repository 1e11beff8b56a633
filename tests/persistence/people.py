"""People with projects and agents, for suites over real databases; and what is announced and executed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast
from uuid import UUID

import pytest
import sqlalchemy as sa

from domain.agents.create import add_agent
from domain.agents.entities import WAITING_LIMIT, Agent
from domain.agents.inputs import AgentInput
from domain.conversations.entities import AgentRef, Author, MessageStatus, RunMode, RunStatus
from domain.conversations.ports import Advance, NewMessage, NewRun
from domain.errors import CodeLabError, LimitExceeded
from domain.events.live import Hints, Live, SessionKey
from domain.scopes import ProjectTx, UserTx
from domain.tasks.ports import NewTask
from persistence.postgres import PostgresDatabase
from persistence.scopes import SqlScopes, SqlUserScope
from persistence.sqlite import SqliteDatabase
from persistence.statements import Rows
from persistence.tables.identity import users
from tests.persistence.databases import Stored

T = TypeVar("T")


class NumberedIds:
    """Ids in the order in which they are asked for."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> UUID:
        self._last += 1
        return UUID(int=self._last)


@dataclass
class Announced:
    """Hears what is announced after commits."""

    hints: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    async def send(self, channel: str, hint: Mapping[str, object]) -> None:
        self.hints.append((channel, hint))

    async def publish(self, key: SessionKey, facts: Sequence[object]) -> None:
        pass


@dataclass(frozen=True)
class Conversation:
    """The ids of a session with one question that is being answered by a task."""

    session_id: UUID
    question_id: UUID
    answer_id: UUID
    run_id: UUID
    task_id: UUID


class People:
    """Makes users and what they own."""

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        self.new_id = NumberedIds()
        self.announced = Announced()
        self._scopes = SqlScopes(
            stored.database, live=cast("Live", self.announced), hints=cast("Hints", self.announced)
        )

    async def person(self) -> SqlUserScope:
        """A new user's doorway."""
        user_id = self.new_id()
        row = {"email": f"{user_id}@example.org", "email_folded": f"{user_id}@example.org"}

        def insert(connection: sa.Connection) -> None:
            Rows(connection, user_id=user_id).insert(users, row)

        await self.stored.database.write(insert, user_id=user_id)
        return self._scopes.open(user_id)

    def again(self, scope: SqlUserScope) -> SqlUserScope:
        """Another doorway of the same user, as another request has it."""
        return self._scopes.open(scope.user_id)

    async def project(self, scope: SqlUserScope, name: str = "Project") -> UUID:
        """A project without agents."""
        project_id = self.new_id()
        await scope.write(lambda tx: tx.projects.add(project_id, name=name, workspace_path=None))
        return project_id

    async def agent(self, scope: SqlUserScope, project_id: UUID, wanted: AgentInput | None = None) -> UUID:
        """An agent."""
        agent_id = self.new_id()
        await scope.write(
            lambda tx: add_agent(
                tx.project(project_id), wanted or AgentInput(name="Agent"), agent_id=agent_id
            )
        )
        return agent_id

    async def conversation(self, scope: SqlUserScope, project_id: UUID, agent_id: UUID) -> Conversation:
        """A session in which the agent's task waits."""
        made = Conversation(*(self.new_id() for _ in range(5)))
        await scope.write(lambda tx: converse(tx.project(project_id), agent_id, made))
        return made


def converse(project: ProjectTx, agent_id: UUID, made: Conversation) -> None:
    """Insert the rows of a conversation.

    Raises:
        LimitExceeded: the agent takes no more work.
    """
    ticket = project.slots.take_waiting(agent_id)
    if ticket is None:
        raise LimitExceeded("The agent takes no more work.", limit=WAITING_LIMIT)
    agent = AgentRef(agent_id, "Agent", "agent", 1)
    project.sessions.add(made.session_id, title="Chat", key=None, input_hash="")
    project.sessions.advance(made.session_id, Advance(2, active_runs=1))
    project.messages.add(
        _message(made, made.question_id, parent_id=None, position=1, agent=None),
        _message(made, made.answer_id, parent_id=made.question_id, position=2, agent=agent),
    )
    project.runs.add(
        NewRun(
            id=made.run_id,
            session_id=made.session_id,
            position=1,
            mode=RunMode.DIRECT,
            status=RunStatus.QUEUED,
            question_id=made.question_id,
            answer_id=made.answer_id,
            agent=agent,
            confidence=None,
            reason=None,
            key=str(made.run_id),
            input_hash="",
        )
    )
    project.tasks.add_queued(
        NewTask(made.task_id, made.session_id, made.run_id, agent_id, 1, made.answer_id, None, ticket)
    )


def _message(
    made: Conversation, message_id: UUID, *, parent_id: UUID | None, position: int, agent: AgentRef | None
) -> NewMessage:
    return NewMessage(
        id=message_id,
        session_id=made.session_id,
        parent_id=parent_id,
        depth=position - 1,
        position=position,
        author=Author.AGENT if agent else Author.USER,
        content="" if agent else "Question?",
        status=MessageStatus.STREAMING if agent else MessageStatus.COMPLETE,
        run_id=made.run_id,
        agent=agent,
    )


async def the_agent(scope: SqlUserScope, project_id: UUID, agent_id: UUID) -> Agent:
    """A visible agent, as it is now."""
    return await reading(scope, lambda tx: tx.project(project_id).agents.many({agent_id})[agent_id])


async def reading(scope: SqlUserScope, work: Callable[[UserTx], T]) -> T:
    """What a new request reads."""
    await scope.aclose()
    try:
        return await scope.read(work)
    finally:
        await scope.aclose()


async def together(work: Iterable[Coroutine[object, object, T]]) -> list[T | CodeLabError]:
    """Run everything at once; what is refused is returned as it was raised."""

    async def outcome(each: Coroutine[object, object, T]) -> T | CodeLabError:
        try:
            return await each
        except CodeLabError as refusal:
            return refusal

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(each)) for each in work]
    return [task.result() for task in tasks]


@contextmanager
def executed(database: SqliteDatabase | PostgresDatabase) -> Iterator[list[str]]:
    """The statements that are executed inside, BEGIN and COMMIT apart."""
    engines = database.engines if isinstance(database, SqliteDatabase) else (database.engine.sync_engine,)
    statements: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        for engine in engines:
            sa.event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def people(stored: Stored) -> People:
    """People over a database of each kind."""
    return People(stored)

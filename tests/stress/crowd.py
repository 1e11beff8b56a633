"""Users who do everything at once, by chance: send, edit, retry, stop, delete, change limits, lose workers."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa

from domain.agents.create import add_agent
from domain.agents.inputs import AgentInput
from domain.agents.update import update_agent
from domain.bus.recover import take_back
from domain.conversations.send import NewMessageInput
from domain.errors import CodeLabError, LimitExceeded
from domain.scopes import UserScope
from domain.tasks.entities import TaskKey
from persistence.statements import Rows
from persistence.tables.identity import users
from tests.stress.bench import Bench, new_id
from tests.stress.books import Books

SESSIONS = 8
LIMITS = (1, 2, 3, 2)
"""What the agents of each user may run at once, to begin with; the first one is asked most."""


@dataclass
class Person:
    """A user, their agents, and the sessions that there are at the moment."""

    user_id: UUID
    project_id: UUID
    agents: list[UUID]
    sessions: list[UUID] = field(default_factory=list)
    runs: list[UUID] = field(default_factory=list)
    questions: list[UUID] = field(default_factory=list)


async def settle(process: Bench) -> Person:
    """A new user with a project, agents and sessions."""
    person = Person(new_id(), new_id(), [new_id() for _ in LIMITS])
    row = {"email": f"{person.user_id}@example.org", "email_folded": f"{person.user_id}@example.org"}

    def insert(connection: sa.Connection) -> None:
        Rows(connection, user_id=person.user_id).insert(users, row)

    await process.database.write(insert, user_id=person.user_id)
    scope = process.scopes.open(person.user_id)
    await scope.write(lambda tx: tx.projects.add(person.project_id, name="Project", workspace_path=None))
    for agent_id, limit in zip(person.agents, LIMITS, strict=True):
        await add_one(scope, person.project_id, agent_id, limit=limit)
    for _ in range(SESSIONS):
        person.sessions.append(await process.sessions.create(scope, person.project_id, title=None, key=None))
    return person


async def settle_one(scope: UserScope, project_id: UUID, agent_id: UUID, *, limit: int) -> None:
    """A project with one agent."""
    await scope.write(lambda tx: tx.projects.add(project_id, name="Project", workspace_path=None))
    await add_one(scope, project_id, agent_id, limit=limit)


async def add_one(scope: UserScope, project_id: UUID, agent_id: UUID, *, limit: int) -> None:
    """One more agent."""
    wanted = AgentInput(name=f"Agent {limit}", concurrency_limit=limit)
    await scope.write(lambda tx: add_agent(tx.project(project_id), wanted, agent_id=agent_id))


class Member:
    """One of the crowd: acts for a person through whatever process comes along."""

    def __init__(
        self, person: Person, *, process: Callable[[], Bench], books: Books, chance: random.Random
    ) -> None:
        self._person = person
        self._process = process
        self._books = books
        self._chance = chance
        self._acts: Sequence[tuple[float, Callable[[Bench, UserScope], Awaitable[object]]]] = (
            (60, self._send),
            (4, self._retry),
            (4, self._edit),
            (9, self._stop),
            (4, self._change_limit),
            (2, self._delete_session),
            (2, self._delete_message),
            (4, self._take_back),
            (4, self._expire),
        )
        self.counts: Counter[str] = Counter()

    async def act(self) -> None:
        """Do one thing; what is refused is counted."""
        weights = [weight for weight, _ in self._acts]
        _, work = self._chance.choices(self._acts, weights)[0]
        process = self._process()
        scope = process.scopes.open(self._person.user_id)
        name = work.__name__.strip("_")
        try:
            await work(process, scope)
            self.counts[name] += 1
        except CodeLabError as refusal:
            self.counts[f"{name}: {type(refusal).__name__}"] += 1
            if isinstance(refusal, LimitExceeded):
                await asyncio.sleep(self._chance.random() * 0.1)
        finally:
            await scope.aclose()

    async def _send(self, process: Bench, scope: UserScope) -> None:
        person = self._person
        hot = self._chance.random() < 0.8
        agent_id = person.agents[0] if hot else self._chance.choice(person.agents)
        new = NewMessageInput(f"question {new_id()}", str(new_id()), target=agent_id)
        begun = await process.send.message(scope, self._chance.choice(person.sessions), new)
        person.runs.append(begun.run_id)
        person.questions.append(begun.question_id)

    async def _retry(self, process: Bench, scope: UserScope) -> None:
        if self._person.runs:
            begun = await process.send.retried(scope, self._chance.choice(self._person.runs), str(new_id()))
            self._person.runs.append(begun.run_id)

    async def _edit(self, process: Bench, scope: UserScope) -> None:
        if self._person.questions:
            question_id = self._chance.choice(self._person.questions[-50:])
            begun = await process.send.edited(scope, question_id, f"question {new_id()}", str(new_id()))
            self._person.runs.append(begun.run_id)

    async def _stop(self, process: Bench, scope: UserScope) -> None:
        if self._person.runs:
            await process.stop(scope, self._chance.choice(self._person.runs[-60:]))

    async def _change_limit(self, process: Bench, scope: UserScope) -> None:
        agent_id = self._chance.choice(self._person.agents)
        agents = await scope.read(lambda tx: tx.project(self._person.project_id).agents.many([agent_id]))
        wanted = AgentInput(concurrency_limit=self._chance.choice([1, 1, 2, 3, 4]))
        await update_agent(scope, agent_id, wanted, expected_version=agents[agent_id].version)

    async def _delete_session(self, process: Bench, scope: UserScope) -> None:
        person = self._person
        session_id = person.sessions.pop(self._chance.randrange(len(person.sessions)))
        person.sessions.append(await process.sessions.create(scope, person.project_id, title=None, key=None))
        await process.sessions.delete(scope, session_id)

    async def _delete_message(self, process: Bench, scope: UserScope) -> None:
        if self._person.questions:
            await process.delete_message(scope, self._chance.choice(self._person.questions[-30:]))

    async def _take_back(self, process: Bench, scope: UserScope) -> None:
        """What a worker does that drains, at any moment of an answer."""
        rows = await self._books.rows(
            "SELECT id, agent_id, worker_id FROM tasks WHERE status = 'RUNNING' AND"
            f" user_id = '{self._stored(self._person.user_id)}'"
        )
        if rows:
            task_id, agent_id, worker_id = map(_uuid, self._chance.choice(rows))
            key = TaskKey(self._person.user_id, self._person.project_id, task_id, agent_id)
            await scope.write(lambda tx: take_back(tx, key, worker_id=worker_id))

    async def _expire(self, process: Bench, scope: UserScope) -> None:
        """What the others see of a worker that was lost."""
        await self._books.change(EXPIRE[self._books.is_postgres])

    def _stored(self, value: UUID) -> str:
        return str(value) if self._books.is_postgres else value.hex


EXPIRE = {
    True: "UPDATE tasks SET lease_until = now() - interval '1 second' WHERE id IN"
    " (SELECT id FROM tasks WHERE status = 'RUNNING' ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " AND status = 'RUNNING'",
    False: "UPDATE tasks SET lease_until = 0 WHERE status = 'RUNNING' AND id IN"
    " (SELECT id FROM tasks WHERE status = 'RUNNING' ORDER BY random() LIMIT 1)",
}


def _uuid(value: object) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))

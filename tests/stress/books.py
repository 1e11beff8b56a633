"""What must be true of the engine's rows, asked from outside: over a connection of our own, past every policy."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg

from domain.agents.entities import WAITING_LIMIT
from domain.conversations.entities import RunStatus
from domain.conversations.states import RUN_ENDS, may_move

Row = tuple[Any, ...]

TABLES = ("agent_slots", "sessions", "messages", "runs", "tasks", "steps", "usage", "events")

HISTORY = """
CREATE TABLE slot_history (
    n {serial}, agent_id {uuid}, was_waiting INTEGER, was_running INTEGER,
    waiting INTEGER, running INTEGER, running_limit INTEGER
)
"""
_NOTE = """
    INSERT INTO slot_history (agent_id, was_waiting, was_running, waiting, running, running_limit)
    VALUES (NEW.agent_id, OLD.waiting, OLD.running, NEW.waiting, NEW.running, NEW.running_limit);
"""
POSTGRES_TRIGGER = f"""
CREATE FUNCTION note_slots() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN {_NOTE} RETURN NULL; END $$;
CREATE TRIGGER note_slots AFTER UPDATE ON agent_slots FOR EACH ROW EXECUTE FUNCTION note_slots()
"""
SQLITE_TRIGGER = f"CREATE TRIGGER note_slots AFTER UPDATE ON agent_slots BEGIN {_NOTE} END"

FILLED = f"""
    SELECT count(*) FROM slot_history
    WHERE was_waiting < waiting AND waiting = {WAITING_LIMIT} AND running = was_running
"""
"""How often an admission filled a queue to the brim."""

_TASKS_OF = "(SELECT count(*) FROM tasks t WHERE t.user_id = s.user_id AND t.agent_id = s.agent_id AND {})"
_OPEN = "('QUEUED', 'RUNNING', 'BLOCKED', 'WAITING')"

ALWAYS: Mapping[str, str] = {
    "the waiting counter is not the number of queued tasks": f"""
        SELECT s.agent_id, s.waiting, {_TASKS_OF.format("t.status = 'QUEUED'")} FROM agent_slots s
        WHERE s.waiting <> {_TASKS_OF.format("t.status = 'QUEUED'")}""",
    "the running counter is not the number of running tasks": f"""
        SELECT s.agent_id, s.running, {_TASKS_OF.format("t.status = 'RUNNING'")} FROM agent_slots s
        WHERE s.running <> {_TASKS_OF.format("t.status = 'RUNNING'")}""",
    "task, run and answer are in states that do not belong together": """
        SELECT t.id, t.status, r.status, m.status, t.generation, m.generation FROM tasks t
        JOIN runs r ON r.user_id = t.user_id AND r.id = t.run_id
        JOIN messages m ON m.user_id = t.user_id AND m.id = t.answer_id
        WHERE t.status <> r.status
        OR m.status <> CASE t.status WHEN 'SUCCEEDED' THEN 'COMPLETE' WHEN 'FAILED' THEN 'FAILED'
            WHEN 'CANCELLED' THEN 'CANCELLED' ELSE 'STREAMING' END
        OR (t.generation <> m.generation AND NOT (t.status = 'FAILED' AND t.generation = m.generation + 1))""",
    "a running task has no lease, or another one has": """
        SELECT id, status, worker_id, lease_until FROM tasks
        WHERE (status = 'RUNNING') <> (worker_id IS NOT NULL AND lease_until IS NOT NULL)""",
    "a session that is deleted has open tasks": f"""
        SELECT t.id, t.status FROM tasks t
        JOIN sessions s ON s.user_id = t.user_id AND s.id = t.session_id
        WHERE s.deleted_at IS NOT NULL AND t.status IN {_OPEN}""",
    "a session's open runs are not as many as it says": """
        SELECT s.id, s.active_runs FROM sessions s WHERE s.deleted_at IS NULL AND s.active_runs <>
        (SELECT count(*) FROM runs r WHERE r.user_id = s.user_id AND r.session_id = s.id
         AND r.finished_at IS NULL)""",
    "an agent runs more than it ever was allowed to": "SELECT agent_id, running FROM agent_slots WHERE running > 10",
}
"""Each is a statement that finds rows which must not be there, in any committed state."""

AT_REST: Mapping[str, str] = {
    "something is still open": f"""
        SELECT id, status FROM tasks WHERE status IN {_OPEN}
        UNION ALL SELECT id, status FROM runs WHERE finished_at IS NULL
        UNION ALL SELECT id, status FROM messages WHERE status = 'STREAMING'""",
    "a log has gaps": """
        SELECT s.id, s.seq, count(e.seq), min(e.seq), max(e.seq) FROM sessions s
        LEFT JOIN events e ON e.user_id = s.user_id AND e.session_id = s.id
        GROUP BY s.user_id, s.id, s.seq
        HAVING count(e.seq) <> s.seq OR (s.seq > 0 AND (min(e.seq) <> 1 OR max(e.seq) <> s.seq))""",
    "an answer that succeeded has not exactly one step": """
        SELECT t.id FROM tasks t WHERE t.status = 'SUCCEEDED' AND
        (SELECT count(*) FROM steps p WHERE p.user_id = t.user_id AND p.task_id = t.id) <> 1""",
    "a step is not the answer": """
        SELECT t.id FROM steps p JOIN tasks t ON t.user_id = p.user_id AND t.id = p.task_id
        JOIN messages m ON m.user_id = t.user_id AND m.id = t.answer_id
        WHERE t.status = 'SUCCEEDED' AND p.response ->> 'text' <> m.content""",
    "model calls were recorded and not paid, or paid twice": """
        SELECT t.id FROM tasks t WHERE
        (SELECT count(*) FROM steps p WHERE p.user_id = t.user_id AND p.task_id = t.id) <>
        (SELECT count(*) FROM usage u WHERE u.user_id = t.user_id AND u.task_id = t.id)""",
    "a run has ended without a reason": """
        SELECT id, status FROM runs WHERE status IN ('FAILED', 'CANCELLED') AND coalesce(problem, '') = ''""",
    "an answer is not the only one of its run": """
        SELECT run_id, count(*) FROM messages WHERE author = 'AGENT' GROUP BY user_id, run_id HAVING count(*) <> 1""",
}
"""The same, for a time when nothing is being answered."""


class Books(ABC):
    """Reads any row of one database."""

    is_postgres: bool

    @abstractmethod
    async def rows(self, sql: str) -> list[Row]:
        """All rows of a statement, in one snapshot."""

    @abstractmethod
    async def change(self, sql: str) -> None:
        """Execute a statement and commit it."""

    async def number(self, sql: str) -> int:
        """The one number that a statement gives."""
        return int((await self.rows(sql))[0][0])

    async def everything(self) -> dict[str, list[str]]:
        """Every row of the engine, to be compared with a later copy."""
        return {
            table: sorted(repr(row) for row in await self.rows(f"SELECT * FROM {table}")) for table in TABLES
        }

    async def wrong(self, statements: Mapping[str, str] = ALWAYS) -> list[str]:
        """What is not as it must be, in words."""
        found = []
        for name, sql in statements.items():
            if rows := await self.rows(sql):
                found.append(f"{name}: {len(rows)}, such as {rows[:3]}")
        return found

    async def wrong_at_rest(self) -> list[str]:
        """What is not as it must be when nothing is being answered."""
        found = [*await self.wrong(), *await self.wrong(AT_REST)]
        events = await self.rows(
            "SELECT session_id, kind, data ->> 'run_id', data ->> 'status', data ->> 'message_id',"
            " data ->> 'content' FROM events ORDER BY session_id, seq"
        )
        contents = {
            str(row[0]).replace("-", ""): row[1]
            for row in await self.rows("SELECT id, content FROM messages")
        }
        return [*found, *_moves(events), *_completions(events, contents)]


def _moves(events: Sequence[Row]) -> list[str]:
    """Every run of the log moved as it may, and ended once."""
    states: dict[str, list[RunStatus]] = defaultdict(list)
    buried = {session for session, kind, *_ in events if kind == "SessionDeleted"}
    for session, kind, run, status, *_ in events:
        if kind == "RunStatusChanged" and session not in buried:
            states[run].append(RunStatus(status))
    wrong = []
    for run, moves in states.items():
        begun = moves[0] in {RunStatus.QUEUED, RunStatus.RUNNING}
        if not begun or not all(may_move(a, b) for a, b in pairwise(moves)):
            wrong.append(f"run {run} moved {moves}")
        if moves[-1] not in RUN_ENDS:
            wrong.append(f"run {run} has no end in the log: {moves}")
    return wrong


def _completions(events: Sequence[Row], contents: Mapping[str, str]) -> list[str]:
    """Every answer of the log was completed once, with the text that is kept."""
    texts: dict[str, list[str]] = defaultdict(list)
    for _, kind, _, _, message, content in events:
        if kind == "MessageCompleted":
            texts[message.replace("-", "")].append(content)
    return [
        f"answer {message} was completed {len(found)} times, kept is {contents.get(message)!r}"
        for message, found in texts.items()
        if len(found) != 1 or contents.get(message, found[0]) != found[0]
    ]


class PostgresBooks(Books):
    """Over one connection of the superuser, whom no policy confines."""

    is_postgres = True

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()

    async def rows(self, sql: str) -> list[Row]:
        async with self._lock:
            return [tuple(row) for row in await self._connection.fetch(sql, timeout=30)]

    async def change(self, sql: str) -> None:
        async with self._lock:
            await self._connection.execute(sql, timeout=30)


class SqliteBooks(Books):
    """Over connections of our own, each for one statement."""

    is_postgres = False

    def __init__(self, path: Path) -> None:
        self._path = path

    async def rows(self, sql: str) -> list[Row]:
        return await asyncio.to_thread(self._execute, sql)

    async def change(self, sql: str) -> None:
        await asyncio.to_thread(self._execute, sql)

    def _execute(self, sql: str) -> list[Row]:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()


@asynccontextmanager
async def postgres_books(url: str) -> AsyncIterator[PostgresBooks]:
    """Books of the database that a driver's URL names."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        yield PostgresBooks(connection)
    finally:
        await connection.close(timeout=10)


async def keep_history(books: Books) -> None:
    """Have the database itself note each change of a counter from now on."""
    if isinstance(books, PostgresBooks):
        await books.change(HISTORY.format(serial="BIGSERIAL", uuid="UUID"))
        await books.change(POSTGRES_TRIGGER)
    else:
        await books.change(HISTORY.format(serial="INTEGER PRIMARY KEY", uuid="TEXT"))
        await books.change(SQLITE_TRIGGER)


class History:
    """Each change that was made to a counter, as the database noted it under the row's own lock."""

    def __init__(self, rows: Sequence[Row], *, at_the_bound: int) -> None:
        self._changes: dict[object, list[Row]] = defaultdict(list)
        for agent_id, *numbers in rows:
            self._changes[agent_id].append(tuple(numbers))
        self.changes = len(rows)
        self.most_waiting = max((row[3] for row in rows), default=0)
        self.most_running = max((row[4] for row in rows), default=0)
        self.at_the_bound = at_the_bound

    @classmethod
    async def read(cls, books: Books) -> History:
        """All of it, oldest first."""
        rows = await books.rows(
            "SELECT agent_id, was_waiting, was_running, waiting, running, running_limit FROM slot_history ORDER BY n"
        )
        return cls(rows, at_the_bound=await books.number(FILLED))

    @property
    def wrong(self) -> list[str]:
        """Changes that broke a bound, and counters that did not follow from those before."""
        return [
            f"{why}: {change}"
            for changes in self._changes.values()
            for before, change in zip([None, *changes], changes, strict=False)
            for why in _faults(before, change)
        ]

    @property
    def at_the_limit(self) -> int:
        """How often a claim took the last slot."""
        return sum(
            was_running < running == limit
            for changes in self._changes.values()
            for _, was_running, _, running, limit in changes
        )


def _faults(before: Row | None, change: Row) -> list[str]:
    was_waiting, was_running, waiting, running, limit = change
    found = []
    if before is not None and (before[2], before[3]) != (was_waiting, was_running):
        found.append(f"an update was lost after {before}")
    if waiting > was_waiting and running >= was_running and waiting > WAITING_LIMIT:
        found.append("new work was admitted beyond the bound")
    if running > was_running and running > limit:
        found.append("work was started beyond the limit")
    if min(waiting, running) < 0:
        found.append("a counter fell below zero")
    return found


def summary(counts: Counter[str]) -> str:
    """Counts, the largest first, for a figure in the output."""
    return json.dumps(dict(counts.most_common()))

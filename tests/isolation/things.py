"""The ids of one place that a repository can be asked for, and those of nobody."""

from __future__ import annotations

from dataclasses import dataclass, fields
from uuid import UUID

from tests.isolation.people import Place
from tests.isolation.rows import Row, Rows, of_project, of_user


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """Names of things that lie in one project, and of their owner's sign-ins.

    `task`, `run`, `question` and `answer` are of one answer that is being written by `agent`; `queued_run`
    waits for it; `idle_agent` has nothing to do.
    """

    project: UUID
    agent: UUID
    idle_agent: UUID
    session: UUID
    question: UUID
    answer: UUID
    run: UUID
    queued_run: UUID
    task: UUID
    worker: UUID
    memory: UUID
    sign_in: UUID
    expired_sign_in: UUID
    link: UUID
    handle: str
    run_key: str
    session_key: str
    token: str

    def ids(self) -> list[tuple[str, UUID]]:
        """Each id with the word for it."""
        named = [(f"<{field.name}>", getattr(self, field.name)) for field in fields(self)]
        return [(word, value) for word, value in named if isinstance(value, UUID)]


def of_nobody() -> Things:
    """Names that nothing has."""
    ids = {
        field.name: UUID(int=0x01900000_AAAA_7BBB_8CCC_000000000000 + n)
        for n, field in enumerate(fields(Things))
        if field.type == "UUID"
    }
    return Things(
        **ids,
        handle="handle-of-nobody",
        run_key="run of nobody",
        session_key="none of them",
        token="no-token",
    )


def of_place(it: Place, rows: Rows) -> Things:
    """Names of what is in a project."""
    mine = of_user(rows, it.person.user_id)
    inside = of_project(mine, it.project)
    running = _the(inside, "tasks", status="RUNNING")
    sign_in, expired = sorted(mine["sign_ins"], key=lambda row: str(row["expires_at"]), reverse=True)
    return Things(
        project=it.project,
        agent=it.agent,
        idle_agent=_uuid(_the(inside, "agents", handle_folded="codeassistant"), "id"),
        session=it.busy_session,
        question=_uuid(_the(inside, "runs", id=it.running_run), "question_id"),
        answer=it.running_answer,
        run=it.running_run,
        queued_run=_uuid(_the(inside, "runs", status="QUEUED"), "id"),
        task=_uuid(running, "id"),
        worker=_uuid(running, "worker_id"),
        memory=it.memory,
        sign_in=_uuid(sign_in, "id"),
        expired_sign_in=_uuid(expired, "id"),
        link=it.person.link,
        handle=it.handle,
        run_key=str(_the(inside, "runs", id=it.running_run)["idempotency_key"]),
        session_key=str(_the(inside, "sessions", id=it.busy_session)["idempotency_key"]),
        token=str(sign_in["token_hash"]),
    )


def _the(rows: Rows, table: str, **values: object) -> Row:
    (found,) = [row for row in rows[table] if values.items() <= {k: row[k] for k in values}.items()]
    return found


def _uuid(row: Row, column: str) -> UUID:
    value = row[column]
    assert isinstance(value, UUID), column
    return value

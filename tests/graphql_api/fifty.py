"""A project with fifty of everything."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from domain.agents.create import add_agent
from domain.agents.inputs import AgentInput
from domain.conversations.begin import Chosen
from domain.conversations.entities import Author, MessageStatus, RunMode, RunStatus, Usage
from domain.conversations.ports import Advance, NewMessage, NewRun
from domain.memory.entities import MemoryKind, NewMemory, Provenance
from domain.memory.similar import content_hash
from domain.scopes import ProjectTx
from graphql_api.app.identity import new_id
from persistence.tables.conversations import messages
from persistence.tables.memory import memories

MANY = 50


def filled(p: ProjectTx) -> dict[str, UUID]:
    """Agents up to 50, 50 sessions, and in the last one 50 messages of 25 runs by 25 agents, and 25 more runs."""
    for n in range(MANY - p.agents.count()):
        add_agent(p, AgentInput(name=f"Agent {n}"), agent_id=new_id())
    ids = [new_id() for _ in range(MANY)]
    for session_id in ids:
        p.sessions.add(session_id, title="Chat", key=None, input_hash="")
    return {"session": ids[-1], **_conversation(p, ids[-1])}


def _conversation(p: ProjectTx, session_id: UUID) -> dict[str, UUID]:
    parent: UUID | None = None
    made: dict[str, UUID] = {}
    for n, agent in enumerate(p.agents.active()[: MANY // 2]):
        made = {"question": new_id(), "answer": new_id(), "run": new_id(), "agent": agent.id}
        _exchange(p, session_id, Chosen(agent, RunMode.DIRECT), made, parent=parent, number=n)
        parent = made["answer"]
        _remember(p, session_id, made, more=n == MANY // 2 - 1)
    p.sessions.advance(session_id, Advance(MANY, head_id=parent))
    return made


def _remember(p: ProjectTx, session_id: UUID, made: dict[str, UUID], *, more: bool) -> None:
    """One memory of each answer, 50 of the last one."""
    source = Provenance(made["answer"], made["run"], session_id, 1)
    for n in range(MANY if more else 1):
        text = f"Fact {n}"
        p.memories.add(
            NewMemory(new_id(), made["agent"], MemoryKind.FACT, text, content_hash(text), source=source)
        )


def _exchange(
    p: ProjectTx, session_id: UUID, chosen: Chosen, ids: dict[str, UUID], *, parent: UUID | None, number: int
) -> None:
    """A question and its finished answer; the run waits, so that it can be stopped."""
    p.messages.add(
        NewMessage(
            ids["question"],
            session_id,
            parent,
            2 * number,
            2 * number,
            Author.USER,
            "Question?",
            MessageStatus.COMPLETE,
            ids["run"],
            None,
        ),
        NewMessage(
            ids["answer"],
            session_id,
            ids["question"],
            2 * number + 1,
            2 * number + 1,
            Author.AGENT,
            "",
            MessageStatus.STREAMING,
            ids["run"],
            chosen.ref,
        ),
    )
    p.messages.complete(
        ids["answer"],
        status=MessageStatus.COMPLETE,
        content="Answer.",
        model="model",
        usage=Usage(1, 2, 3, 4, 5),
    )
    p.runs.add(
        NewRun(
            ids["run"],
            session_id,
            number,
            RunMode.DIRECT,
            RunStatus.SUCCEEDED,
            ids["question"],
            ids["answer"],
            chosen.ref,
            None,
            None,
            f"key {number}",
            "",
        )
    )


def cite(connection: sa.Connection) -> None:
    """Give every answer a citation of its own."""
    for answer_id, memory_id in connection.execute(sa.select(memories.c.message_id, memories.c.id)).all():
        citation = {"memory_id": str(memory_id), "score": 0.5}
        connection.execute(sa.update(messages).where(messages.c.id == answer_id).values(citations=[citation]))

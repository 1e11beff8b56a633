"""Rows of messages and the entities that they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.conversations.entities import AgentRef, Author, Citation, Message, MessageStatus, Usage
from persistence.tables.conversations import messages as t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.conversations.ports import NewMessage

COLUMNS = (
    t.c.id,
    t.c.project_id,
    t.c.session_id,
    t.c.parent_id,
    t.c.depth,
    t.c.author,
    t.c.content,
    t.c.status,
    t.c.generation,
    t.c.run_id,
    t.c.agent_id,
    t.c.agent_name,
    t.c.agent_handle,
    t.c.agent_version,
    t.c.model,
    t.c.input_tokens,
    t.c.output_tokens,
    t.c.cost_micro_usd,
    t.c.model_calls,
    t.c.seconds,
    t.c.citations,
    t.c.created_at,
)


def message_of(row: Sequence[Any]) -> Message:
    """A message from COLUMNS."""
    agent = AgentRef(row[10], row[11], row[12], row[13]) if row[10] is not None else None
    usage = Usage(*row[15:20]) if row[18] is not None else None
    citations = tuple(Citation(UUID(c["memory_id"]), c["score"]) for c in row[20]) if row[20] else ()
    head = (*row[:5], Author(row[5]), row[6], MessageStatus(row[7]), row[8], row[9])
    return Message(*(*head, agent, row[14], usage, citations, row[21]))


def cited_row(citations: Sequence[Citation]) -> list[dict[str, object]] | None:
    """How citations are written down; null when there are none."""
    return [{"memory_id": str(it.memory_id), "score": it.score} for it in citations] or None


def row_of(message: NewMessage) -> dict[str, Any]:
    """What to insert for a message."""
    agent = message.agent
    return {
        "id": message.id,
        "session_id": message.session_id,
        "parent_id": message.parent_id,
        "depth": message.depth,
        "position": message.position,
        "author": message.author,
        "content": message.content,
        "status": message.status,
        "run_id": message.run_id,
        "agent_id": agent.id if agent else None,
        "agent_name": agent.name if agent else None,
        "agent_handle": agent.handle if agent else None,
        "agent_version": agent.version if agent else None,
    }

"""A session's events as clients ask for them, and how each row of the log must look on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from graphql_api.schema.ids import Kind, shown

Event = Mapping[str, object]
Data = Mapping[str, object]

EVENTS = """
subscription Events($session: ID!, $after: Cursor) {
  sessionEvents(sessionId: $session, after: $after) {
    __typename cursor at sessionId
    ... on MessageCreated { messageId parentId author content agent { ...Agent } createdBy: runId }
    ... on MessageDelta { messageId generation offset text }
    ... on MessageCompleted {
      messageId generation messageStatus: status content usage { ...Usage } problem
      citations { memoryId score }
    }
    ... on MessageDeleted { messageId }
    ... on MemoryRecalled { runId whose: agent { ...Agent } citations { memoryId score } seconds degraded }
    ... on HeadMoved { headId }
    ... on RunStarted { runId mode agent { ...Agent } confidence reason }
    ... on RunStatusChanged { runId runStatus: status problem usage { ...Usage } }
    ... on SessionRenamed { title }
  }
}
fragment Agent on AgentRef { id name handle version }
fragment Usage on Usage { inputTokens outputTokens cost modelCalls seconds }
"""

LIVE_ONLY = frozenset({"MessageDelta", "Heartbeat"})
"""Types of events that are in no log."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of the events table."""

    seq: int
    kind: str
    data: Data
    at: datetime


def cursor_of(event: Event) -> int:
    """The position that an event takes its reader to."""
    return int(str(event["cursor"]))


def expected(row: LogRow, session_id: str) -> Event:
    """What every reader must get for a row."""
    return {
        "__typename": row.kind,
        "cursor": str(row.seq),
        "at": row.at,
        "sessionId": session_id,
        **_SHAPES[row.kind](row.data),
    }


def received(event: Event) -> Event:
    """A durable event as it came, with its time as a moment instead of text."""
    return {**event, "at": datetime.fromisoformat(str(event["at"]))}


def _id(kind: Kind, value: object) -> str | None:
    return None if value is None else shown(kind, UUID(str(value)))


def _agent(value: object) -> Data | None:
    if value is None:
        return None
    ref = cast("Data", value)
    return {**{name: ref[name] for name in ("name", "handle", "version")}, "id": _id(Kind.AGENT, ref["id"])}


def _usage(value: object) -> Data | None:
    if value is None:
        return None
    usage = cast("Data", value)
    return {
        "inputTokens": usage["input_tokens"],
        "outputTokens": usage["output_tokens"],
        "cost": usage["cost_micro_usd"],
        "modelCalls": usage["model_calls"],
        "seconds": usage["seconds"],
    }


def _citations(value: object) -> list[Data]:
    cited = cast("list[Data]", value)
    return [{"memoryId": _id(Kind.MEMORY, it["memory_id"]), "score": it["score"]} for it in cited]


def _created(data: Data) -> Data:
    return {
        "messageId": _id(Kind.MESSAGE, data["message_id"]),
        "parentId": _id(Kind.MESSAGE, data["parent_id"]),
        "author": data["author"],
        "content": data["content"],
        "agent": _agent(data["agent"]),
        "createdBy": _id(Kind.RUN, data["run_id"]),
    }


def _completed(data: Data) -> Data:
    return {
        "messageId": _id(Kind.MESSAGE, data["message_id"]),
        "generation": data["generation"],
        "messageStatus": data["status"],
        "content": data["content"],
        "usage": _usage(data["usage"]),
        "problem": data["problem"],
        "citations": _citations(data["citations"]),
    }


def _started(data: Data) -> Data:
    return {
        "runId": _id(Kind.RUN, data["run_id"]),
        "mode": data["mode"],
        "agent": _agent(data["agent"]),
        "confidence": data["confidence"],
        "reason": data["reason"],
    }


def _recalled(data: Data) -> Data:
    return {
        "runId": _id(Kind.RUN, data["run_id"]),
        "whose": _agent(data["agent"]),
        "citations": _citations(data["citations"]),
        "seconds": data["seconds"],
        "degraded": data["degraded"],
    }


def _run_changed(data: Data) -> Data:
    return {
        "runId": _id(Kind.RUN, data["run_id"]),
        "runStatus": data["status"],
        "problem": data["problem"],
        "usage": _usage(data["usage"]),
    }


_SHAPES: Mapping[str, Callable[[Data], Data]] = {
    "MessageCreated": _created,
    "MessageCompleted": _completed,
    "MessageDeleted": lambda data: {"messageId": _id(Kind.MESSAGE, data["message_id"])},
    "HeadMoved": lambda data: {"headId": _id(Kind.MESSAGE, data["head_id"])},
    "RunStarted": _started,
    "RunStatusChanged": _run_changed,
    "MemoryRecalled": _recalled,
    "SessionRenamed": lambda data: {"title": data["title"]},
    "SessionDeleted": lambda _: {},
}

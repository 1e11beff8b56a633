"""A session's events as GraphQL types."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import strawberry

from domain.events import items, kinds
from domain.events.live import Delta
from graphql_api.schema.enums import Author, MessageStatus, RunMode, RunStatus
from graphql_api.schema.ids import Kind, shown
from graphql_api.schema.memory import Citation
from graphql_api.schema.provenance import AgentRef, Usage
from graphql_api.schema.scalars import Cursor


@strawberry.interface(
    description="Stored with its data in the transaction of the change (durable), or sent live only"
    " (deltas, heartbeats: cursor is that of the last durable event)."
)
class SessionEvent:
    """What every event has."""

    cursor: Cursor = strawberry.field(
        description="The log's position after this event: give the last one as `after` to resume."
    )
    at: datetime = strawberry.field(description="When it happened.")
    session_id: strawberry.ID = strawberry.field(description="Where it happened.")


@strawberry.type(description="A question, or an answer that begins to be written.")
class MessageCreated(SessionEvent):
    """Created."""

    message_id: strawberry.ID = strawberry.field(description="Which message.")
    parent_id: strawberry.ID | None = strawberry.field(
        description="What it continues; null for the first of its branch."
    )
    author: Author = strawberry.field(description="Who writes it.")
    content: str = strawberry.field(description="The text; empty for an answer that begins to be written.")
    agent: AgentRef | None = strawberry.field(description="Who answers; null for a question.")
    run_id: strawberry.ID | None = strawberry.field(
        description="The run that it asked for, or that writes it; null when there is none."
    )


@strawberry.type(
    description="Live only. Text to put at `offset` (Unicode code points) of this generation; the first one"
    " after subscribing carries all the text so far at offset 0."
)
class MessageDelta(SessionEvent):
    """A piece of text."""

    message_id: strawberry.ID = strawberry.field(description="Which message.")
    generation: int = strawberry.field(
        description="Restarts of the answer so far; a newer one begins the text anew, an older one is void."
    )
    offset: int = strawberry.field(description="Where the text goes, in Unicode code points from the start.")
    text: str = strawberry.field(description="The piece, never empty.")


@strawberry.type(description="A message got its final text; partial when FAILED or CANCELLED.")
class MessageCompleted(SessionEvent):
    """Completed."""

    message_id: strawberry.ID = strawberry.field(description="Which message.")
    generation: int = strawberry.field(description="Restarts of the answer in all.")
    status: MessageStatus = strawberry.field(description="COMPLETE, FAILED or CANCELLED.")
    content: str = strawberry.field(description="The whole text, whatever deltas were received.")
    usage: Usage | None = strawberry.field(description="What it cost; null when nothing was counted.")
    citations: list[Citation] = strawberry.field(description="The memories that it used.")
    problem: str | None = strawberry.field(
        description="Why it failed or was ended, for a person; null when COMPLETE."
    )


@strawberry.type(description="A message and everything below it are gone.")
class MessageDeleted(SessionEvent):
    """Deleted."""

    message_id: strawberry.ID = strawberry.field(
        description="Which message; those below it are gone with it."
    )


@strawberry.type(description="Another branch is continued by default from now on.")
class HeadMoved(SessionEvent):
    """Moved."""

    head_id: strawberry.ID = strawberry.field(description="The newest message of that branch.")


@strawberry.type(description="A run was admitted.")
class RunStarted(SessionEvent):
    """Started."""

    run_id: strawberry.ID = strawberry.field(description="Which run.")
    mode: RunMode = strawberry.field(description="Who chose the agent.")
    agent: AgentRef | None = strawberry.field(description="Who answers; null while that is not decided.")
    confidence: float | None = strawberry.field(
        description="Auto mode: how sure the choice was, 0 to 1; else null."
    )
    reason: str | None = strawberry.field(description="Auto mode: why this agent; else null.")


@strawberry.type(description="A run moved to another state.")
class RunStatusChanged(SessionEvent):
    """Changed."""

    run_id: strawberry.ID = strawberry.field(description="Which run.")
    status: RunStatus = strawberry.field(description="Its state from now on.")
    problem: str | None = strawberry.field(description="Why it failed or was ended, for a person; else null.")
    usage: Usage | None = strawberry.field(description="What was spent in all, once it has ended; else null.")


@strawberry.type(
    description="What an agent was reminded of before it answers. A worker that takes over an answer reminds it anew."
)
class MemoryRecalled(SessionEvent):
    """Recalled."""

    run_id: strawberry.ID = strawberry.field(description="Which run.")
    agent: AgentRef = strawberry.field(description="Whose memory.")
    citations: list[Citation] = strawberry.field(description="The memories that the model was given.")
    seconds: float = strawberry.field(description="Seconds that it took.")
    degraded: bool = strawberry.field(
        description="Whether the memory did not answer in time: the answer is made without it."
    )


@strawberry.type(description="The session has a new title.")
class SessionRenamed(SessionEvent):
    """Renamed."""

    title: str = strawberry.field(description="The new title.")


@strawberry.type(description="The last event of a deleted session; the stream ends.")
class SessionDeleted(SessionEvent):
    """Deleted."""


@strawberry.type(
    description="Every 30 s, and each second while a run is active when nothing else is sent;"
    " its cursor is the log's head."
)
class Heartbeat(SessionEvent):
    """Nothing happened."""


@strawberry.type(
    description="The log no longer reaches back to `after`: refetch the session, then go on from this cursor."
)
class ReplayGap(SessionEvent):
    """A gap."""


EVENT_TYPES = (
    MessageCreated,
    MessageDelta,
    MessageCompleted,
    MessageDeleted,
    HeadMoved,
    RunStarted,
    RunStatusChanged,
    MemoryRecalled,
    SessionRenamed,
    SessionDeleted,
    Heartbeat,
    ReplayGap,
)


def _id(kind: Kind, value: UUID | None) -> strawberry.ID | None:
    return strawberry.ID(shown(kind, value)) if value else None


def _ref(ref: Any) -> AgentRef | None:
    return AgentRef.of(ref) if ref else None


def _usage(usage: Any) -> Usage | None:
    return Usage.of(usage) if usage else None


def _message_created(it: kinds.MessageCreated) -> dict[str, object]:
    return {
        "message_id": _id(Kind.MESSAGE, it.message_id),
        "parent_id": _id(Kind.MESSAGE, it.parent_id),
        "author": it.author,
        "content": it.content,
        "agent": _ref(it.agent),
        "run_id": _id(Kind.RUN, it.run_id),
    }


def _message_delta(it: Delta) -> dict[str, object]:
    message_id = _id(Kind.MESSAGE, it.message_id)
    return {"message_id": message_id, "generation": it.generation, "offset": it.offset, "text": it.text}


def _message_completed(it: kinds.MessageCompleted) -> dict[str, object]:
    return {
        "message_id": _id(Kind.MESSAGE, it.message_id),
        "generation": it.generation,
        "status": it.status,
        "content": it.content,
        "usage": _usage(it.usage),
        "citations": [Citation.of(citation) for citation in it.citations],
        "problem": it.problem,
    }


def _run_started(it: kinds.RunStarted) -> dict[str, object]:
    return {
        "run_id": _id(Kind.RUN, it.run_id),
        "mode": it.mode,
        "agent": _ref(it.agent),
        "confidence": it.confidence,
        "reason": it.reason,
    }


def _run_status_changed(it: kinds.RunStatusChanged) -> dict[str, object]:
    run_id = _id(Kind.RUN, it.run_id)
    return {"run_id": run_id, "status": it.status, "problem": it.problem, "usage": _usage(it.usage)}


def _memory_recalled(it: kinds.MemoryRecalled) -> dict[str, object]:
    return {
        "run_id": _id(Kind.RUN, it.run_id),
        "agent": _ref(it.agent),
        "citations": [Citation.of(citation) for citation in it.citations],
        "seconds": it.seconds,
        "degraded": it.degraded,
    }


def _nothing(_: object) -> dict[str, object]:
    return {}


_SHAPES: dict[type, tuple[type[SessionEvent], Callable[[Any], dict[str, object]]]] = {
    kinds.MessageCreated: (MessageCreated, _message_created),
    Delta: (MessageDelta, _message_delta),
    kinds.MessageCompleted: (MessageCompleted, _message_completed),
    kinds.MessageDeleted: (MessageDeleted, lambda it: {"message_id": _id(Kind.MESSAGE, it.message_id)}),
    kinds.HeadMoved: (HeadMoved, lambda it: {"head_id": _id(Kind.MESSAGE, it.head_id)}),
    kinds.RunStarted: (RunStarted, _run_started),
    kinds.RunStatusChanged: (RunStatusChanged, _run_status_changed),
    kinds.MemoryRecalled: (MemoryRecalled, _memory_recalled),
    kinds.SessionRenamed: (SessionRenamed, lambda it: {"title": it.title}),
    kinds.SessionDeleted: (SessionDeleted, _nothing),
    items.Heartbeat: (Heartbeat, _nothing),
    items.ReplayGap: (ReplayGap, _nothing),
}


def event_of(item: items.SessionItem, session_id: strawberry.ID) -> SessionEvent:
    """The GraphQL event of an item of a session's stream."""
    shape, fields = _SHAPES[type(item.body)]
    event = cast("Callable[..., SessionEvent]", shape)
    return event(cursor=Cursor(item.cursor), at=item.at, session_id=session_id, **fields(item.body))


class SharedEvent:
    """An item on its way to one subscriber; what is encoded for one of them serves all of the same user."""

    __slots__ = ("_item", "_session_id")

    def __init__(self, item: items.SessionItem, session_id: strawberry.ID) -> None:
        self._item = item
        self._session_id = session_id

    @property
    def memo(self) -> dict[object, object]:
        """What was encoded already."""
        return self._item.memo

    @property
    def cursor(self) -> int:
        """The position that it takes its reader to."""
        return self._item.cursor

    def value(self) -> SessionEvent:
        """The event, made only when nothing is encoded yet."""
        return event_of(self._item, self._session_id)

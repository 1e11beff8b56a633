"""What goes through the pipes between the server and the index's process: frames of JSON, a length before each.

A call is `{"id", "do", "space", "tenant", ...}`; its answer `{"id", "result"}` or `{"id", "problem", "message"}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import orjson

from domain.memory.entities import MemoryKind
from domain.memory.ports import IndexHit, IndexQuery, Likeness, Point, Space, Tenant

LENGTH_BYTES = 4
MAX_FRAME_BYTES = 256 * 1024 * 1024
READY = 0
"""The id of the first frame, which no call has: the process says that it listens, or why it will not."""
WRITES = frozenset({"upsert", "delete", "drop"})
"""What changes a shard, and waits while it is copied."""

Message = Mapping[str, Any]
Value = TypeVar("Value")


class Problem(StrEnum):
    """Why there is no result."""

    HELD = "HELD"
    UNAVAILABLE = "UNAVAILABLE"
    VIOLATION = "VIOLATION"


def frame(message: Message) -> bytes:
    """Write one message; dataclasses, ids and times in it are written as they are."""
    body = orjson.dumps(message, default=list)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def length(prefix: bytes) -> int:
    """How many bytes follow.

    Raises:
        ValueError: More than any message has: this is no frame.
    """
    if (size := int.from_bytes(prefix, "big")) > MAX_FRAME_BYTES:
        raise ValueError("not a frame of the memory index")
    return size


def message(body: bytes) -> Message:
    """Read one message."""
    read: Message = orjson.loads(body)
    return read


def space(raw: Message) -> Space:
    """Read a space."""
    return Space(**raw)


def tenant(raw: Message) -> Tenant:
    """Read a tenant."""
    return Tenant(**{name: UUID(each) for name, each in raw.items()})


def ids(raw: Sequence[str]) -> list[UUID]:
    """Read ids of memories."""
    return [UUID(each) for each in raw]


def point(raw: Message) -> Point:
    """Read a point."""
    return Point(
        **{
            **raw,
            "memory_id": UUID(raw["memory_id"]),
            "kind": MemoryKind(raw["kind"]),
            "created_at": datetime.fromisoformat(raw["created_at"]),
            "session_id": _maybe(UUID, raw["session_id"]),
        }
    )


def query(raw: Message) -> IndexQuery:
    """Read a query."""
    return IndexQuery(
        **{
            **raw,
            "session_id": _maybe(UUID, raw["session_id"]),
            "kind": _maybe(MemoryKind, raw["kind"]),
            "since": _maybe(datetime.fromisoformat, raw["since"]),
            "until": _maybe(datetime.fromisoformat, raw["until"]),
        }
    )


def hits(raw: Sequence[Message]) -> list[IndexHit]:
    """Read what a search found."""
    return [IndexHit(UUID(each["memory_id"]), each["version"], each["score"]) for each in raw]


def likenesses(raw: Sequence[Message]) -> list[Likeness]:
    """Read what is alike."""
    return [Likeness(UUID(each["memory_id"]), each["cosine"]) for each in raw]


def _maybe(read: Callable[[str], Value], raw: str | None) -> Value | None:
    return None if raw is None else read(raw)

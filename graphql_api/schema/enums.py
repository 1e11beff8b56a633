"""The domain's enums as GraphQL enums, by the same names, each value with its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import cast

import strawberry
from strawberry.types.enum import WithStrawberryEnumDefinition

from domain.agents.entities import AgentStatus
from domain.conversations.entities import Author, MessageStatus, RunMode, RunStatus
from domain.identity.entities import Language, SendKey, Theme
from domain.memory.entities import MemoryKind

__all__ = [
    "AgentStatus",
    "Author",
    "Language",
    "MemoryKind",
    "MessageStatus",
    "RunMode",
    "RunStatus",
    "SendKey",
    "Theme",
]


def _describe(enum: type[StrEnum], description: str, values: Mapping[str, str]) -> None:
    """Make a GraphQL enum of a domain enum, which knows nothing of GraphQL."""
    made = cast("WithStrawberryEnumDefinition", strawberry.enum(enum, description=description))
    for value in made.__strawberry_definition__.values:
        value.description = values[value.name]


_describe(
    AgentStatus,
    "Whether an agent can take work now.",
    {
        "READY": "It has a free slot.",
        "BUSY": "All of its slots are taken; messages wait.",
        "ERROR": "The last three runs failed; until one succeeds or the agent is edited. It still takes messages.",
    },
)
_describe(
    Author,
    "Who wrote a message.",
    {"USER": "You.", "AGENT": "An agent of yours.", "SYSTEM": "CodeLab itself."},
)
_describe(
    MessageStatus,
    "An answer is STREAMING until it ends; questions are born COMPLETE.",
    {
        "STREAMING": "It is being written, or waits to be.",
        "COMPLETE": "It is whole.",
        "FAILED": "Writing it failed; what was written so far stays.",
        "CANCELLED": "Writing it was stopped; what was written so far stays.",
    },
)
_describe(
    MemoryKind,
    "Where a memory comes from.",
    {
        "INTERACTION": "A question with its answer.",
        "FACT": "Something that you stated; a newer statement about the same replaces it.",
        "NOTE": "You wrote it into the memory yourself.",
    },
)
_describe(
    RunMode,
    "Who chose the agent.",
    {"DIRECT": "You did, by `targetAgent` or a leading @handle.", "AUTO": "The orchestrator did."},
)
_describe(
    RunStatus,
    "The one lifecycle of an answer being made; the last five are ends.",
    {
        "QUEUED": "It waits for a free slot, or for a worker after one was lost.",
        "PLANNING": "The orchestrator plans it.",
        "AWAITING_APPROVAL": "Its plan waits for your yes.",
        "RUNNING": "It is being worked on.",
        "PAUSED": "Nothing new is begun until you resume it.",
        "SUCCEEDED": "All of it is done.",
        "PARTIALLY_FAILED": "Some of its tasks failed; the answer tells what was done.",
        "FAILED": "It failed; `problem` says why.",
        "CANCELLED": "It was stopped.",
        "REJECTED": "Its plan was refused, or the question expired; `problem` says which.",
    },
)
_describe(Language, "Languages of the interface.", {"EN": "English.", "RU": "Russian."})
_describe(
    SendKey,
    "The key that sends a message.",
    {"ENTER": "Enter; Shift+Enter begins a new line.", "CTRL_ENTER": "Ctrl+Enter; Enter begins a new line."},
)
_describe(
    Theme,
    "Colours of the interface.",
    {"SYSTEM": "As the operating system has them.", "LIGHT": "Dark on light.", "DARK": "Light on dark."},
)

"""The domain's enums as GraphQL enums, by the same names."""

from __future__ import annotations

import strawberry

from domain.agents.entities import AgentStatus
from domain.conversations.entities import Author, MessageStatus, RunMode, RunStatus
from domain.identity.entities import Language, SendKey, Theme

__all__ = ["AgentStatus", "Author", "Language", "MessageStatus", "RunMode", "RunStatus", "SendKey", "Theme"]

_DESCRIPTIONS = {
    AgentStatus: "READY has a free slot; BUSY has none; ERROR: the last three runs failed,"
    " until one succeeds or the agent is edited.",
    Author: "Who wrote a message.",
    MessageStatus: "An answer is STREAMING until it ends; questions are born COMPLETE.",
    RunMode: "DIRECT: you named the agent. AUTO: the orchestrator chose.",
    RunStatus: "The one lifecycle of an answer being made.",
    Language: "Languages of the interface.",
    SendKey: "The key that sends a message.",
    Theme: "Colours of the interface.",
}

for _enum, _description in _DESCRIPTIONS.items():
    strawberry.enum(_enum, description=_description)

"""What is said to a model and what comes back, in no provider's own shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

CHARACTERS_PER_TOKEN = 4
"""How text is counted when a provider does not say: a common rule of thumb for English prose."""

PLAN_MARKER = "Respond with a plan as JSON"
"""The line of a system message that asks for a plan instead of prose."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A provider's model; the name passes through to the provider unchanged."""

    provider: str
    name: str


DEFAULT_MODEL = ModelRef("codelab", "default")
"""The deployment's own choice: the configured model, or the offline one while no key is set."""

OFFLINE_MODEL = ModelRef("offline", "offline-1")
"""The built-in model, by the name that is recorded with its answers."""


class ChatRole(StrEnum):
    """Who speaks."""

    SYSTEM = "SYSTEM"
    USER = "USER"
    ASSISTANT = "ASSISTANT"
    TOOL = "TOOL"


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A model asking for a tool; `arguments` is JSON text exactly as the model wrote it, maybe invalid."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool that the model may ask for; `arguments_schema` is a JSON Schema object."""

    name: str
    description: str
    arguments_schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn; a TOOL message answers the request of id `tool_call_id`."""

    role: ChatRole
    content: str
    tool_calls: tuple[ToolRequest, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One model call: the conversation in order, and a bound of `max_tokens` on the answer."""

    model: ModelRef
    messages: tuple[ChatMessage, ...]
    temperature: float
    max_tokens: int
    tools: tuple[ToolOffer, ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text; the pieces concatenated are the text."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """Tokens of one call; `estimated` when the provider did not count them."""

    input_tokens: int
    output_tokens: int
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class ModelFinished:
    """The end of an answer: who gave it, why it ended, what it cost.

    `finish_reason` is the provider's word (`stop`, `length`, `tool_calls`, `content_filter`). A cost
    of an unknown price is 0 and `price_known` is false.
    """

    model: str
    finish_reason: str
    usage: ModelUsage
    cost_micro_usd: int
    price_known: bool
    tool_calls: tuple[ToolRequest, ...]


ModelChunk = TextDelta | ModelFinished
"""What a model stream consists of: any number of deltas, then one end."""


def estimated_tokens(text: str) -> int:
    """Tokens that `text` is about worth, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)

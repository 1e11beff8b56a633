"""What a user says about an agent when creating or editing it: any part of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.agents.entities import AgentSettings, AgentTool
from domain.models.entities import DEFAULT_MODEL, ModelRef
from domain.unset import UNSET, Unset, given

DEFAULTS = AgentSettings(
    name="",
    handle="",
    role="",
    capabilities=(),
    system_prompt="",
    model=DEFAULT_MODEL,
    temperature=0.7,
    max_tokens=4_096,
    concurrency_limit=3,
    tools=(),
)
"""Where a new agent begins; its name must be given, its handle is derived when it is not."""


@dataclass(frozen=True, slots=True)
class AgentInput:
    """The fields that were given; an absent one keeps its value, or its default in a new agent."""

    name: str | Unset = UNSET
    handle: str | Unset = UNSET
    role: str | Unset = UNSET
    capabilities: tuple[str, ...] | Unset = UNSET
    system_prompt: str | Unset = UNSET
    model: ModelRef | Unset = UNSET
    temperature: float | Unset = UNSET
    max_tokens: int | Unset = UNSET
    concurrency_limit: int | Unset = UNSET
    tools: tuple[AgentTool, ...] | Unset = UNSET
    is_active: bool | Unset = UNSET


def merged(settings: AgentSettings, wanted: AgentInput) -> AgentSettings:
    """The settings with every field that was given, not checked yet."""
    return replace(
        settings,
        name=given(wanted.name, settings.name),
        handle=given(wanted.handle, settings.handle),
        role=given(wanted.role, settings.role),
        capabilities=given(wanted.capabilities, settings.capabilities),
        system_prompt=given(wanted.system_prompt, settings.system_prompt),
        model=given(wanted.model, settings.model),
        temperature=given(wanted.temperature, settings.temperature),
        max_tokens=given(wanted.max_tokens, settings.max_tokens),
        concurrency_limit=given(wanted.concurrency_limit, settings.concurrency_limit),
        tools=given(wanted.tools, settings.tools),
    )

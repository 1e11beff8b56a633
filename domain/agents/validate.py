"""The rules that an agent's settings keep (spec S2)."""

from __future__ import annotations

from domain.agents import handles
from domain.agents.entities import AgentSettings, AgentTool
from domain.agents.tool_names import KNOWN_TOOLS
from domain.fields import Fields
from domain.folding import folded
from domain.models.entities import ModelRef

MAX_NAME = 80
MAX_ROLE = 200
MAX_CAPABILITIES = 20
MAX_CAPABILITY = 60
MAX_PROMPT = 20_000
MAX_TEMPERATURE = 2
MAX_TOKENS = 128_000
MAX_CONCURRENCY = 10
MAX_TOOLS = 32
MAX_PROVIDER = 100
MAX_MODEL = 200


def checked(settings: AgentSettings) -> AgentSettings:
    """The settings in the form in which they are stored.

    Raises:
        Invalid: with each field that breaks a rule, by its path.
    """
    fields = Fields()
    clean = AgentSettings(
        name=fields.line(settings.name, "name", at_least=1, at_most=MAX_NAME),
        handle=handles.checked(settings.handle, fields),
        role=fields.line(settings.role, "role", at_most=MAX_ROLE),
        capabilities=_capabilities(settings.capabilities, fields),
        system_prompt=fields.text(settings.system_prompt, "systemPrompt", at_most=MAX_PROMPT),
        model=checked_model(settings.model, fields),
        temperature=fields.number(settings.temperature, "temperature", at_least=0, at_most=MAX_TEMPERATURE),
        max_tokens=fields.number(settings.max_tokens, "maxTokens", at_least=1, at_most=MAX_TOKENS),
        concurrency_limit=fields.number(
            settings.concurrency_limit, "concurrencyLimit", at_least=1, at_most=MAX_CONCURRENCY
        ),
        tools=_tools(settings.tools, fields),
    )
    fields.check()
    return clean


def checked_model(model: ModelRef, fields: Fields) -> ModelRef:
    """A model reference; whether the model exists is seen when it is called."""
    return ModelRef(
        provider=fields.line(model.provider, "model", "provider", at_least=1, at_most=MAX_PROVIDER),
        name=fields.line(model.name, "model", "name", at_least=1, at_most=MAX_MODEL),
    )


def _capabilities(capabilities: tuple[str, ...], fields: Fields) -> tuple[str, ...]:
    """Each once, whatever its case, in the order given."""
    fields.count(len(capabilities), "capabilities", at_most=MAX_CAPABILITIES)
    once: dict[str, str] = {}
    for index, capability in enumerate(capabilities[:MAX_CAPABILITIES]):
        clean = fields.line(capability, "capabilities", str(index), at_least=1, at_most=MAX_CAPABILITY)
        once.setdefault(folded(clean), clean)
    return tuple(once.values())


def _tools(tools: tuple[AgentTool, ...], fields: Fields) -> tuple[AgentTool, ...]:
    fields.count(len(tools), "tools", at_most=MAX_TOOLS)
    seen: set[str] = set()
    for index, tool in enumerate(tools[:MAX_TOOLS]):
        if tool.name not in KNOWN_TOOLS:
            fields.refuse(
                f"No such tool. There are {', '.join(sorted(KNOWN_TOOLS))}.", "tools", str(index), "name"
            )
        elif tool.name in seen:
            fields.refuse(f"The tool {tool.name} is listed twice.", "tools", str(index), "name")
        seen.add(tool.name)
    return tools

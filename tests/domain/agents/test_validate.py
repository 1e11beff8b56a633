"""Settings that break a rule are refused, each field by its path, and nothing else is."""

import math
from dataclasses import replace

import pytest

from domain.agents.entities import AgentSettings, AgentTool
from domain.agents.inputs import DEFAULTS, AgentInput, merged
from domain.agents.starter_pack import STARTER_PACK
from domain.agents.tool_names import KNOWN_TOOLS
from domain.agents.validate import checked
from domain.errors import Invalid
from domain.models.entities import ModelRef
from domain.unset import UNSET

GOOD = replace(DEFAULTS, name="Coder", handle="coder")


def problems(settings: AgentSettings) -> list[tuple[str, ...]]:
    with pytest.raises(Invalid) as refused:
        checked(settings)
    return [field.path for field in refused.value.fields]


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (replace(GOOD, name=" "), ("name",)),
        (replace(GOOD, name="x" * 81), ("name",)),
        (replace(GOOD, name="two\nlines"), ("name",)),
        (replace(GOOD, name="half \ud800"), ("name",)),
        (replace(GOOD, handle="a b"), ("handle",)),
        (replace(GOOD, role="x" * 201), ("role",)),
        (replace(GOOD, role="nul\0"), ("role",)),
        (replace(GOOD, capabilities=("x",) * 21), ("capabilities",)),
        (replace(GOOD, capabilities=("good", "")), ("capabilities", "1")),
        (replace(GOOD, capabilities=("x" * 61,)), ("capabilities", "0")),
        (replace(GOOD, system_prompt="x" * 20_001), ("systemPrompt",)),
        (replace(GOOD, system_prompt="nul\0"), ("systemPrompt",)),
        (replace(GOOD, system_prompt="half \udfff"), ("systemPrompt",)),
        (replace(GOOD, temperature=-0.1), ("temperature",)),
        (replace(GOOD, temperature=2.1), ("temperature",)),
        (replace(GOOD, temperature=math.nan), ("temperature",)),
        (replace(GOOD, temperature=math.inf), ("temperature",)),
        (replace(GOOD, max_tokens=0), ("maxTokens",)),
        (replace(GOOD, max_tokens=128_001), ("maxTokens",)),
        (replace(GOOD, concurrency_limit=0), ("concurrencyLimit",)),
        (replace(GOOD, concurrency_limit=11), ("concurrencyLimit",)),
        (replace(GOOD, model=ModelRef("", "m")), ("model", "provider")),
        (replace(GOOD, model=ModelRef("p" * 101, "m")), ("model", "provider")),
        (replace(GOOD, model=ModelRef("p", " ")), ("model", "name")),
        (replace(GOOD, model=ModelRef("p", "m" * 201)), ("model", "name")),
        (replace(GOOD, tools=(AgentTool("rm_rf", enabled=True),)), ("tools", "0", "name")),
        (replace(GOOD, tools=(AgentTool("chart", enabled=True),) * 2), ("tools", "1", "name")),
    ],
)
def test_a_broken_rule_is_reported_at_its_field(settings: AgentSettings, path: tuple[str, ...]) -> None:
    assert problems(settings) == [path]


def test_all_broken_rules_are_reported_together() -> None:
    broken = replace(GOOD, name="", handle="!", temperature=9.0, model=ModelRef("", ""))

    assert problems(broken) == [
        ("name",),
        ("handle",),
        ("model", "provider"),
        ("model", "name"),
        ("temperature",),
    ]


def test_too_many_tools_are_refused() -> None:
    assert ("tools",) in problems(replace(GOOD, tools=(AgentTool("chart", enabled=True),) * 33))


def test_the_bounds_themselves_are_allowed() -> None:
    widest = replace(
        GOOD,
        name="x" * 80,
        handle="h" * 40,
        role="r" * 200,
        capabilities=tuple(f"{n:060}" for n in range(20)),
        system_prompt="p" * 20_000,
        temperature=2.0,
        max_tokens=128_000,
        concurrency_limit=10,
        model=ModelRef("p" * 100, "m" * 200),
        tools=tuple(AgentTool(name, enabled=False) for name in sorted(KNOWN_TOOLS)),
    )

    assert checked(widest) == widest


def test_text_is_trimmed_composed_and_capabilities_are_listed_once() -> None:
    clean = checked(replace(GOOD, name=" Cafe\u0301 ", capabilities=("Python", " python ", "SQL")))

    assert clean.name == "Café"
    assert clean.capabilities == ("Python", "SQL")


def test_a_prompt_is_kept_to_the_letter() -> None:
    prompt = "  line\r\n\tindented\n"

    assert checked(replace(GOOD, system_prompt=prompt)).system_prompt == prompt


def test_an_absent_field_keeps_its_value() -> None:
    assert merged(GOOD, AgentInput()) == GOOD
    assert merged(GOOD, AgentInput(role="tester", tools=())) == replace(GOOD, role="tester")
    assert AgentInput().name is UNSET


def test_the_starter_pack_keeps_the_rules() -> None:
    assert [checked(settings) for settings in STARTER_PACK] == list(STARTER_PACK)
    assert [settings.handle for settings in STARTER_PACK] == [
        "CodeAssistant",
        "DataAnalyst",
        "DocumentWriter",
    ]
    assert [[tool.name for tool in settings.tools] for settings in STARTER_PACK] == [
        ["code_executor", "file_reader"],
        ["python", "chart"],
        ["text_formatter"],
    ]

"""The offline model asking for tools and making plans."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.models.entities import PLAN_MARKER, ChatMessage, ChatRole, ToolRequest
from integrations.models.offline.reply import reply
from tests.integrations.models.offline.questions import ask, ask_with_tools, assistant, request, user

PLANNER = f"""You plan.
{PLAN_MARKER}
- @CodeAssistant: code executor, file reader
- @DataAnalyst: python, charts
- @Писарь: форматирование текста, письма
"""


def _called(*calls: ToolRequest) -> ChatMessage:
    return ChatMessage(ChatRole.ASSISTANT, "", tool_calls=calls)


def _result(content: str, call_id: str) -> ChatMessage:
    return ChatMessage(ChatRole.TOOL, content, tool_call_id=call_id)


@pytest.mark.parametrize(
    "question",
    [
        'use python with {"code": "1+1"}',
        'call python: {"code": "1+1"}',
        'Please use the tool `python` with arguments: {"code": "1+1"}',
        'вызови инструмент python с {"code": "1+1"}',
    ],
)
def test_a_named_tool_is_asked_for_with_its_arguments_as_written(question: str) -> None:
    answer = ask_with_tools(question)

    assert answer.tool_calls == (ToolRequest("call_1", "python", '{"code": "1+1"}'),)
    assert answer.text == ""


def test_several_tools_are_asked_for_together() -> None:
    answer = ask_with_tools('call python: {"a": {"b": 1}} and call chart: {}')

    assert answer.tool_calls == (
        ToolRequest("call_1", "python", '{"a": {"b": 1}}'),
        ToolRequest("call_2", "chart", "{}"),
    )


def test_tools_after_then_wait_for_the_earlier_results() -> None:
    question = 'call python: {} then call chart: {"x": 1}'
    first = ToolRequest("call_1", "python", "{}")
    second = ToolRequest("call_2", "chart", '{"x": 1}')

    assert ask_with_tools(question).tool_calls == (first,)
    assert ask_with_tools(question, _called(first), _result("4", "call_1")).tool_calls == (second,)

    done = ask_with_tools(
        question, _called(first), _result("4", "call_1"), _called(second), _result("", "call_2")
    )
    assert done.text == "python: 4\nchart: The tool gave an empty result."


def test_a_single_result_is_the_answer() -> None:
    call = ToolRequest("call_1", "python", "{}")

    assert ask_with_tools("call python: {}", _called(call), _result("42", "call_1")).text == "42"
    assert (
        ask_with_tools("вызови python: {}", _called(call), _result("", "call_1")).text
        == "Инструмент ничего не вернул."
    )


def test_a_result_without_a_known_call_is_named_by_its_tool() -> None:
    results = (ChatMessage(ChatRole.TOOL, "a", name="find"), _result("b", "call_9"))

    assert ask_with_tools("go on", *results).text == "find: a\ntool: b"


def test_ids_of_calls_stay_unique_in_the_conversation() -> None:
    earlier = (
        user("call python: {}"),
        _called(ToolRequest("call_1", "python", "{}")),
        _result("4", "call_1"),
        assistant("4"),
    )

    answer = reply(request("call chart: {}", before=earlier, tools=("python", "chart")))

    assert [call.id for call in answer.tool_calls] == ["call_2"]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("call fire: {}", "I have no tool named fire. I have: python, chart."),
        ("call python: {not json}", "The arguments for python are not a JSON object."),
        ("вызови молот: {}", "У меня нет инструмента молот. Есть: python, chart."),
        ("вызови инструмент python: {не json}", "Аргументы для python — не JSON-объект."),
    ],
)
def test_a_call_that_is_impossible_is_explained(question: str, answer: str) -> None:
    assert ask_with_tools(question).text == answer


def test_without_tools_on_offer_no_tool_is_asked_for() -> None:
    answer = ask_with_tools("call python: {}", tools=())

    assert answer.tool_calls == ()


def _plan(goal: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(ask(goal, system=PLANNER))
    return plan


def _tasks(goal: str) -> list[tuple[str, str, str, list[str]]]:
    return [
        (task["key"], task["description"], task["agent"], task["dependsOn"]) for task in _plan(goal)["tasks"]
    ]


def test_a_plan_goes_by_stages_and_runs_side_by_side_within_one() -> None:
    assert _tasks("read the file; draw charts of the sales, then write code") == [
        ("t1", "read the file", "CodeAssistant", []),
        ("t2", "draw charts of the sales", "DataAnalyst", []),
        ("t3", "write code", "CodeAssistant", ["t1", "t2"]),
    ]


def test_each_line_of_a_list_is_a_stage() -> None:
    assert _tasks("Please do:\n1. Draw charts\n2. Отформатируй текст письма") == [
        ("t1", "Draw charts", "DataAnalyst", []),
        ("t2", "Отформатируй текст письма", "Писарь", ["t1"]),
    ]


def test_a_step_goes_to_the_agent_that_it_mentions() -> None:
    assert _tasks("@dataanalyst: write code and then @Nobody rest") == [
        ("t1", "write code", "DataAnalyst", []),
        ("t2", "rest", "CodeAssistant", ["t1"]),
    ]


def test_a_simple_goal_is_a_plan_of_one_task() -> None:
    assert _plan("draw charts") == {
        "goal": "draw charts",
        "tasks": [{"key": "t1", "description": "draw charts", "agent": "DataAnalyst", "dependsOn": []}],
    }


def test_a_plan_without_agents_has_no_tasks() -> None:
    assert json.loads(ask("do it", system=PLAN_MARKER)) == {"goal": "do it", "tasks": []}


@given(
    st.lists(
        st.sampled_from(["read", "draw", ";", "then", "\n1. a", "\n2. b", ",", "@DataAnalyst", "затем"]),
        max_size=12,
    )
)
def test_every_plan_is_acyclic_with_known_agents_and_unique_keys(words: list[str]) -> None:
    tasks = _tasks(" ".join(words))

    keys = [key for key, *_ in tasks]
    assert len(set(keys)) == len(keys)
    for position, (_, description, agent, depends_on) in enumerate(tasks):
        assert description
        assert agent in {"CodeAssistant", "DataAnalyst", "Писарь"}
        assert set(depends_on) <= set(keys[:position])

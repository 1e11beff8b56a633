"""A message without a target goes to the agent that fits, with a reason that a person understands."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.agents.entities import Agent, AgentSettings, AgentStatus, Queue
from domain.agents.inputs import DEFAULTS
from domain.agents.starter_pack import CODE_ASSISTANT, DATA_ANALYST, DOCUMENT_WRITER
from domain.errors import NotFound
from domain.orchestrator.route import GUESS_CONFIDENCE, NAMED_CONFIDENCE, ONLY_CONFIDENCE, Route, route

AT = datetime(2026, 1, 1, tzinfo=UTC)
READY, BUSY, ERROR = Queue(0, 0, 3, 0), Queue(0, 3, 3, 0), Queue(0, 0, 3, 3)


def agent(settings: AgentSettings, *, queue: Queue = READY, is_active: bool = True, number: int = 1) -> Agent:
    return Agent(UUID(int=number), UUID(int=0), 1, is_active, settings, queue, AT, AT)


def named(name: str, *capabilities: str, role: str = "") -> AgentSettings:
    return replace(DEFAULTS, name=name, handle=name.replace(" ", "_"), capabilities=capabilities, role=role)


CODE, DATA, TEXT = agent(CODE_ASSISTANT), agent(DATA_ANALYST), agent(DOCUMENT_WRITER)
TEAM = (CODE, DATA, TEXT)


@pytest.mark.parametrize(
    ("message", "chosen"),
    [
        ("Fix the bug in my python function", CODE),
        ("write a python function that sorts a list", CODE),
        ("Explain this C++ error", CODE),
        ("Почему мой код на питоне падает с ошибкой?", CODE),
        ("Напиши функцию сортировки", CODE),
        ("Draw a chart of monthly sales from this CSV", DATA),
        ("compute the average of 3, 4 and 5", DATA),
        ("Построй график продаж по данным таблицы", DATA),
        ("Посчитай среднее значение", DATA),
        ("Write a letter to my landlord", TEXT),
        ("Summarize this report", TEXT),
        ("translate this to French", TEXT),
        ("Напиши письмо директору", TEXT),
        ("переведи текст на английский", TEXT),
    ],
)
def test_the_agent_that_fits_answers(message: str, chosen: Agent) -> None:
    found = route(message, TEAM)

    assert found.agent is chosen
    assert GUESS_CONFIDENCE < found.confidence <= NAMED_CONFIDENCE
    assert chosen.settings.name in found.reason


def test_the_order_of_the_agents_does_not_matter_when_one_fits() -> None:
    assert route("Fix this bug", TEAM[::-1]).agent is CODE


def test_the_reason_quotes_the_words_that_decided_in_the_language_of_the_message() -> None:
    english, russian = route("Please debug my script", TEAM), route("Исправь ошибку в коде", TEAM)

    assert english.reason == "CodeAssistant fits best: the message speaks of “debug”, “script”."
    assert russian.reason == "Лучше всего подходит CodeAssistant: в сообщении есть «ошибку», «коде»."


def test_capabilities_in_any_language_are_matched_by_their_stems() -> None:
    gardener, cook = agent(named("Садовник", "комнатные растения")), agent(named("Повар", "рецепты супов"))

    assert route("Дай рецепт супа", [gardener, cook]).agent is cook
    assert route("Чем полить растение?", [gardener, cook]).agent is gardener


def test_what_few_agents_mention_decides() -> None:
    web = agent(named("Web", "python", "html"))
    science = agent(named("Science", "python", "physics"))

    assert route("python for a physics simulation", [web, science]).agent is science


def test_a_clear_choice_is_surer_than_a_close_one() -> None:
    twin = agent(replace(CODE_ASSISTANT, name="Twin", handle="Twin"))

    assert route("fix this bug", TEAM).confidence > route("fix this bug", [CODE, twin]).confidence


def test_equals_go_by_their_order() -> None:
    first, second = agent(named("First", "chess")), agent(named("Second", "chess"))

    assert route("a chess puzzle", [first, second]).agent is first
    assert route("a chess puzzle", [second, first]).agent is second


def test_a_free_agent_goes_before_a_busy_one_that_fits_about_as_well() -> None:
    busy, free = agent(named("First", "chess"), queue=BUSY), agent(named("Second", "chess"))

    found = route("a chess puzzle", [busy, free])

    assert found.agent is free
    assert found.reason == "Second fits best (First fits too, but is busy): the message speaks of “chess”."
    assert "(First тоже подходит, но занят)" in route("Это задача: chess, шахматы", [busy, free]).reason


def test_a_busy_agent_that_fits_clearly_better_is_waited_for() -> None:
    assert (
        route("Fix the bug in my python code", [replace(CODE, queue=BUSY), DATA, TEXT]).agent.settings
        is CODE_ASSISTANT
    )


def test_an_agent_in_error_answers_only_when_it_is_named() -> None:
    failed = replace(CODE, queue=ERROR)

    assert failed.queue.status is AgentStatus.ERROR
    assert route("Fix the bug in my python code", [failed, DATA, TEXT]).agent is not failed
    assert route("Let @codeassistant fix the bug", [failed, DATA]).agent is failed
    assert route("Let the code assistant fix the bug", [failed, DATA]).agent is failed


def test_a_named_agent_is_chosen_with_high_confidence() -> None:
    for message in ("draw a chart, then ask (@DocumentWriter).", "let the document writer draw a chart"):
        assert route(message, TEAM) == Route(TEXT, NAMED_CONFIDENCE, "The message names DocumentWriter.")
    assert (
        route("спроси у DocumentWriter, что там написано", TEAM).reason
        == "В сообщении назван агент DocumentWriter."
    )


def test_a_name_of_one_word_may_be_meant_as_a_word() -> None:
    failed = agent(named("Python"), queue=ERROR)

    assert route("some python please", [failed, DATA]).agent is DATA


def test_an_inactive_agent_never_answers_not_even_when_named() -> None:
    assert route("@CodeAssistant and python code", [replace(CODE, is_active=False), TEXT]).agent is TEXT


def test_when_nothing_fits_the_first_free_agent_answers_and_the_reason_says_so() -> None:
    found = route("good morning", [replace(CODE, queue=BUSY), DATA, TEXT])

    assert found == Route(
        DATA, GUESS_CONFIDENCE, "Nothing in the message points at an agent, so DataAnalyst answers."
    )
    assert route("доброе утро", TEAM).reason == (
        "Ничто в сообщении не указывает на определённого агента, поэтому отвечает CodeAssistant."
    )


def test_when_nothing_fits_and_all_are_busy_the_first_one_answers() -> None:
    assert (
        route("good morning", [replace(each, queue=BUSY) for each in TEAM]).agent.settings is CODE_ASSISTANT
    )


@pytest.mark.parametrize("role", ["Answers general questions", "Универсальный собеседник"])
def test_when_nothing_fits_an_agent_for_everything_goes_first(role: str) -> None:
    generalist = agent(named("Friend", role=role))

    assert route("good morning", [*TEAM, generalist]).agent is generalist


def test_the_only_agent_that_can_answer_does() -> None:
    english, russian = route("good morning", [CODE]), route("доброе утро", [CODE])

    assert english.confidence == ONLY_CONFIDENCE
    assert english.reason == "CodeAssistant is the only agent that can answer now."
    assert russian.reason == "Сейчас отвечать может только CodeAssistant."


def test_without_an_active_agent_the_message_says_what_to_do() -> None:
    with pytest.raises(NotFound, match="create or activate one"):
        route("hello", [replace(CODE, is_active=False)])
    with pytest.raises(NotFound, match="создайте или включите"):
        route("привет", [])


def test_when_every_agent_failed_the_message_names_them() -> None:
    with pytest.raises(NotFound, match="Name one yourself \\(@CodeAssistant, @DataAnalyst\\)"):
        route("hello", [replace(CODE, queue=ERROR), replace(DATA, queue=ERROR)])
    with pytest.raises(NotFound, match="Назовите агента сами"):
        route("привет", [replace(CODE, queue=ERROR)])


SETTINGS = st.builds(
    lambda name, role, capabilities: named(name or "x", *capabilities, role=role),
    st.text(max_size=20),
    st.text(max_size=20),
    st.lists(st.text(max_size=10), max_size=3),
)
AGENTS = st.lists(
    st.builds(agent, SETTINGS, queue=st.sampled_from([READY, BUSY, ERROR]), is_active=st.booleans()),
    max_size=6,
)
MESSAGES = st.text() | st.lists(
    st.sampled_from(["python", "chart", "письмо", "код", "@x", "the", "general", "chess"])
).map(" ".join)


@given(MESSAGES, AGENTS)
def test_for_any_message_the_choice_is_allowed_sure_to_a_degree_and_repeatable(
    message: str, agents: list[Agent]
) -> None:
    try:
        found = route(message, agents)
    except NotFound:
        able = [each for each in agents if each.is_active and each.queue.status is not AgentStatus.ERROR]
        assert not able
        return

    assert any(found.agent is each for each in agents)
    assert found.agent.is_active
    assert 0 < found.confidence <= 1
    assert found.reason.endswith(".")
    assert "speaks of ." not in found.reason
    assert found.agent.queue.status is not AgentStatus.ERROR or found.confidence == NAMED_CONFIDENCE
    assert route(message, agents) == found

"""What the offline model remembers, admits and says about itself."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.models.entities import DEFAULT_MODEL, PLAN_MARKER, ModelRequest
from integrations.models.offline.conversation import Conversation, Language
from integrations.models.offline.reply import reply
from tests.integrations.models.offline.questions import SYSTEM, ask, assistant, request, user

HISTORY = (
    user("My name is Anna"),
    assistant("Nice to meet you, Anna."),
    user("my favourite colour is blue. And call me Ann"),
    assistant("Noted."),
)
ISTORIYA = (user("Меня зовут Оля"), assistant("Привет"), user("моя собака — Рекс"), assistant("Записал."))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is my name?", "Your name is Ann."),
        ("do you remember my name", "Your name is Ann."),
        ("what is my favourite colour?", "Your favourite colour is blue."),
        ("What's my age?", "You have not told me your age in this conversation."),
        ("what was my first question?", "You asked: My name is Anna"),
        ("What is my previous message?", "You asked: my favourite colour is blue. And call me Ann"),
        (
            "What did I ask before?",
            f"Before this you asked:\n1. {HISTORY[0].content}\n2. {HISTORY[2].content}",
        ),
        ("what did you say?", "My last answer was: Noted."),
        ("what was your last answer", "My last answer was: Noted."),
    ],
)
def test_it_recalls_what_was_said_in_the_conversation(question: str, answer: str) -> None:
    assert ask(question, *HISTORY) == answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("как меня зовут?", "Тебя зовут Оля."),
        ("какая моя собака?", "Ты говорил: собака — Рекс."),
        ("какой мой возраст?", "В этом разговоре ты об этом не говорил: возраст."),
        ("какой был мой первый вопрос?", "Ты спрашивал: Меня зовут Оля"),
        ("повтори мой последний вопрос", "мой последний вопрос"),
        ("мой предыдущий вопрос?", "Ты спрашивал: моя собака — Рекс"),
        ("что я тебя раньше спрашивал?", "До этого ты спрашивал:\n1. Меня зовут Оля\n2. моя собака — Рекс"),
        ("что ты мне ответил?", "Мой последний ответ: Записал."),
    ],
)
def test_it_recalls_in_russian(question: str, answer: str) -> None:
    assert ask(question, *ISTORIYA) == answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("what is my name?", "You have not told me your name in this conversation."),
        ("как меня зовут?", "В этом разговоре ты не называл своего имени."),
        ("what was my first question?", "There was nothing before this in our conversation."),
        ("my last question?", "There was nothing before this in our conversation."),
        ("what did i say?", "There was nothing before this in our conversation."),
        ("что ты сказал?", "До этого в разговоре ничего не было."),
    ],
)
def test_it_admits_that_nothing_was_said(question: str, answer: str) -> None:
    assert ask(question) == answer


def test_a_single_question_before_is_quoted() -> None:
    assert ask("what did I ask?", user("why?"), assistant("because")) == "You asked: why?"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("My name is Bob", "Nice to meet you, Bob. I can recall your name in this conversation."),
        ("my car is red", "Noted. Your car is red."),
        ("Меня зовут Оля", "Приятно познакомиться, Оля. В этом разговоре я смогу вспомнить твоё имя."),
        ("мой город — Томск", "Записал. Ты говорил: город — Томск."),
        ("hi", "Hello! I am CodeLab's offline model, answering as CodeAssistant."),
        ("Привет!", "Здравствуйте! Я офлайн-модель CodeLab и отвечаю за CodeAssistant."),
        ("thanks a lot!", "You are welcome."),
        ("спасибо", "Пожалуйста."),
        ("who are you?", "I am CodeLab's offline model, answering as CodeAssistant."),
        ("что ты умеешь?", "Я офлайн-модель CodeLab и отвечаю за CodeAssistant."),
        ("translate to French: hello", "I am the offline model and can't translate."),
        ("переведи на английский: привет", "Я офлайн-модель и не умею переводить."),
    ],
)
def test_small_talk_is_answered(question: str, answer: str) -> None:
    assert ask(question).startswith(answer)


def test_anything_else_is_admitted_with_what_was_understood_and_how_to_connect_a_model() -> None:
    answer = ask("Please explain kubernetes networking with network policies")

    assert "offline model, answering as CodeAssistant" in answer
    assert "a request of 7 words about kubernetes, networking, network" in answer
    assert "OPENAI_API_KEY" in answer


def test_it_admits_in_russian_when_the_question_is_mainly_cyrillic() -> None:
    answer = ask("Напиши функцию сортировки на Python")

    assert answer.startswith("Я офлайн-модель CodeLab и отвечаю за CodeAssistant.")
    assert "запрос из 5 слов (темы: функцию, сортировки, python)" in answer
    assert "OPENAI_API_KEY" in answer


@pytest.mark.parametrize(
    ("question", "words"), [("why", "I have no rule"), ("", "There was no question"), ("да", "нет правила")]
)
def test_a_question_without_topics_is_admitted_too(question: str, words: str) -> None:
    assert words in ask(question)


@pytest.mark.parametrize(
    ("system", "role"),
    [
        ("You are CodeAssistant, an engineer.", "CodeAssistant"),
        ("You are the DataAnalyst of the team", "DataAnalyst of the team"),
        ("Ты — Мой кодер. Пиши код.", "Мой кодер"),
        ("Be brief.", ""),
        ("", ""),
    ],
)
def test_the_role_comes_from_the_system_prompt(system: str, role: str) -> None:
    assert Conversation.of(request("hello", system=system)).role == role


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("hello", Language.ENGLISH),
        ("привет", Language.RUSSIAN),
        ("2+2", Language.ENGLISH),
        ("что такое OAuth", Language.RUSSIAN),
    ],
)
def test_the_language_is_that_of_the_question(question: str, language: Language) -> None:
    assert Conversation.of(request(question)).language is language


def test_a_request_without_a_question_is_answered_honestly() -> None:
    empty = ModelRequest(DEFAULT_MODEL, (assistant("Hello"),), temperature=0, max_tokens=10)

    assert "There was no question" in reply(empty).text


def test_words_can_be_asked_for_by_number() -> None:
    assert ask("repeat 3 words") == "word1 word2 word3"
    assert ask("повтори 2 слова") == "word1 word2"
    assert len(ask("please repeat 500000 words").split()) == 100_000


LONG = 100_000


@pytest.mark.parametrize(
    "question",
    [
        (character * LONG)[:LONG]
        for character in (
            " ", "\n", "a", "1", "«", "“", '"', "'", "`", "(", ".", ";", "@", "- ", "the ", "then ", "my ", "please ",
            "9 ", "1,", "what is 1+", "call x: {", 'call x: {"a": ', "use ", "- @a: b\n", "переведи ", "https://",
        )
    ]
    + [
        f"{beginning}{filling * LONG}"[:LONG]
        for beginning in ("extract emails: ", "find links: ", "extract numbers: ", "summarise: ", "sort: ", "call x with ", "my ", "reverse the", "translate ")
        for filling in ("a", " ", "1", "a.", "\n")
    ],
    ids=lambda question: repr(question[:24]),
)  # fmt: skip
def test_no_question_can_make_it_think_for_long(question: str) -> None:
    started = time.process_time()

    for system in (SYSTEM, f"{PLAN_MARKER}\n- @a: b"):
        reply(request(f"{question}!", system=system, tools=("x",)))

    assert time.process_time() - started < 1


@given(st.text(max_size=300), st.lists(st.text(max_size=60), max_size=4))
def test_every_question_gets_the_same_answer_twice(question: str, before: list[str]) -> None:
    asked = request(question, before=tuple(map(user, before)))

    assert reply(asked) == reply(asked)
    assert isinstance(reply(asked).text, str)

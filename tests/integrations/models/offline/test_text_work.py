"""What the offline model does to a text it is given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.models.offline.summary import sentences_of, summarise
from tests.integrations.models.offline.questions import ask, assistant, user

CATS = "Cats are quiet animals. The weather is nice. Cats like fish and cats like sleep. Dogs bark!"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("uppercase: hello world", "HELLO WORLD"),
        ("Please make this text uppercase: hi", "HI"),
        ("Convert to upper case 'foo bar'", "FOO BAR"),
        ("uppercase hello world", "HELLO WORLD"),
        ('Write "quiet" in all caps', "QUIET"),
        ("lowercase: HELLO", "hello"),
        ("title case: hello big world", "Hello Big World"),
        ("capitalize john's book", "John's Book"),
        ("reverse abc", "cba"),
        ("Reverse the string: abc", "cba"),
        ("reverse the words: a b c", "c b a"),
        ("reverse:\n```\nab\ncd\n```", "dc\nba"),
        ("count words: a b c", "Words: 3"),
        ("How many words are in: a b c", "Words: 3"),
        ("count the characters in “a b”", "Characters: 3 (2 without spaces)"),
        ("count lines:\na\nb", "Lines: 2"),
        (f"summarise: {CATS}", "Cats are quiet animals. Cats like fish and cats like sleep."),
        (f"summarize in 1 sentence: {CATS}", "Cats are quiet animals."),
        (f"Summarise {CATS}", "Cats are quiet animals. Cats like fish and cats like sleep."),
        ("summarise: ...", "..."),
        ("list: a, b, c.", "- a\n- b\n- c"),
        ("make a bulleted list of: a; b, c", "- a\n- b, c"),
        ("numbered list:\n* x\n* y", "1. x\n2. y"),
        ("extract numbers: 1 apple, -2.5 degrees, 1 pear, A4", "1\n-2.5"),
        ("extract all the emails from: a@b.com, c.d@e.org, a@b.com", "a@b.com\nc.d@e.org"),
        ("find links: see https://a.org/x?y=1, or http://b.net.", "https://a.org/x?y=1\nhttp://b.net"),
        ("extract numbers: none here", "There are none in the text."),
        ("sort: pear, Apple, fig", "Apple, fig, pear"),
        ("sort these lines alphabetically:\nb\na", "a\nb"),
        ("repeat after me: hello", "hello"),
        ("repeat: say nothing", "say nothing"),
        ("echo one two three four", "one two three four"),
        ("say hello", "hello"),
        ("сделай заглавными буквами: привет", "ПРИВЕТ"),
        ("переведи в верхний регистр: абв", "АБВ"),
        ("строчными буквами: АБВ", "абв"),
        ("переверни: абв", "вба"),
        ("посчитай слова: а б в", "Слов: 3"),
        ("сколько символов в «аб в»", "Символов: 4 (без пробелов 3)"),
        ("посчитай строки:\nа\nб", "Строк: 2"),
        ("выпиши числа: а 1 б 2", "1\n2"),
        ("найди ссылки: их нет", "В тексте их нет."),
        ("отсортируй: в, а, б", "а, б, в"),
        ("список: а, б", "- а\n- б"),
        ("сократи до 1 предложения: Кошки тихие. Кошки спят. Дождь идёт.", "Кошки тихие."),
        ("повтори: привет", "привет"),
    ],
)
def test_an_instruction_is_followed_on_the_given_text(question: str, answer: str) -> None:
    assert ask(question) == answer


@pytest.mark.parametrize(
    "question", ["uppercase that", "Now make it uppercase please", "сделай это заглавными буквами"]
)
def test_an_instruction_without_a_text_means_the_last_answer(question: str) -> None:
    assert ask(question, user("hello"), assistant("Good day.")) == "GOOD DAY."


@pytest.mark.parametrize(
    "question",
    [
        "uppercase", "How many words does Hamlet have?", "List three reasons why the sky is blue",
        "say something about dogs and cats", "Write an essay about uppercase letters: be brief", "sort of",
        "Summarise the French revolution", "Explain this code:\n```python\nreverse()\n```",
    ],
)  # fmt: skip
def test_what_only_looks_like_an_instruction_is_not_followed(question: str) -> None:
    assert "offline model" in ask(question)


@given(st.text(max_size=500), st.integers(1, 5))
def test_a_summary_consists_of_sentences_of_the_text_in_order(text: str, wanted: int) -> None:
    summary = summarise(text, sentences=wanted)

    assert len(sentences_of(summary)) <= max(wanted, len(sentences_of(text)))
    assert len(summary) <= len(text)

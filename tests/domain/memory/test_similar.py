"""When memories say the same, what they state something about, and which sentences repeat them."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.memory.similar import (
    MIN_COSINE,
    are_near_duplicates,
    content_hash,
    subject_of,
    without_recalled,
)

WORDS = st.lists(
    st.sampled_from(
        re.findall(r"\S+", "the tea Anna likes not 5 15:30 green не чай любит нет без -5 C++ C# v2")
    ),
    min_size=1,
    max_size=8,
).map(" ".join)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I like tea.", "  i   LIKE\ntea. "),
        ("Ёлка", "елка"),
        ("e\u0301tude", "\u00e9tude"),
        ("STRASSE", "straße"),
    ],
)
def test_the_hash_ignores_case_spaces_and_encoding(one: str, other: str) -> None:
    assert content_hash(one) == content_hash(other)


@pytest.mark.parametrize(
    ("one", "other"), [("I like tea", "I like tea!"), ("5", "-5"), ("a b", "ab"), ("tea", "tee")]
)
def test_the_hash_tells_other_texts_apart(one: str, other: str) -> None:
    assert content_hash(one) != content_hash(other)


@given(st.text())
def test_a_text_has_one_hash_of_64_hex_digits(text: str) -> None:
    assert content_hash(text) == content_hash(text)
    assert len(content_hash(text)) == 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I like green tea.", "I like green tea!"),
        ("Please remember that I like green tea", "I like the green tea"),
        ("We meet at the offices on Monday", "We meet at the office on Monday"),
        ("Мы любим зелёный чай", "Мы любим зеленый чай."),
        ("включите кондиционер в комнате", "включите кондиционеры в комнатах"),
        ("Запомни, что ключ лежит под ковриком", "Ключ лежит под ковриком"),
    ],
)
def test_texts_that_say_the_same_are_near_duplicates(one: str, other: str) -> None:
    assert are_near_duplicates(one, other, cosine=0.95)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The port is 8080", "The port is 8081"),
        ("The limit is 5", "The limit is -5"),
        ("We meet at 15:30", "We meet at 13:30"),
        ("Version v2 is out", "Version v3 is out"),
        ("It costs $5", "It costs €5"),
        ("I like green tea", "I do not like green tea"),
        ("I like green tea", "I never like green tea"),
        ("Я люблю чай", "Я не люблю чай"),
        ("Я пью чай с сахаром", "Я пью чай без сахара"),
        ("Anna likes tea", "Hanna likes tea"),
        ("I met Marina", "I met Marine"),
        ("Я видел Иванова", "Я видел Ивановой"),
        ("Anna owes Boris money", "Boris owes Anna money"),
        ("You live in Berlin", "I live in Berlin"),
        ("You live in Berlin?", "You live in Berlin."),
        ("the heating is enabled", "the heating is disabled"),
        ("свет включен", "свет выключен"),
        ("the employer called", "the employee called"),
        ("I write C++", "I write C#"),
        ("a flight to Oslo", "a flight from Oslo"),
        ("I like tea", "I like coffee"),
        ("встреча в июне", "встреча в июле"),
        ("the meeting is on Tuesday", "the meeting is on Thursday"),
        ("fifteen people", "fifty people"),
        ("I like tea", "I like tea and biscuits"),
    ],
)
def test_texts_that_differ_in_what_they_say_are_never_merged(one: str, other: str) -> None:
    assert not are_near_duplicates(one, other, cosine=1.0)


def test_equal_words_far_apart_in_meaning_are_not_merged() -> None:
    assert not are_near_duplicates("I like tea", "I like tea", cosine=MIN_COSINE - 0.01)


@given(WORDS, WORDS)
def test_likeness_is_mutual_and_everything_is_like_itself(one: str, other: str) -> None:
    assert are_near_duplicates(one, other, cosine=1) == are_near_duplicates(other, one, cosine=1)
    assert are_near_duplicates(one, one, cosine=1)


@given(WORDS, st.integers(0, 999), st.integers(0, 999))
def test_another_number_is_another_text(text: str, one: int, other: int) -> None:
    merged = are_near_duplicates(f"{text} {one} {text}", f"{text} {other} {text}", cosine=1)

    assert merged == (one == other)


@pytest.mark.parametrize(
    "statements",
    [
        (
            "My favourite colour is blue",
            "my favorite color is green now.",
            "Green is my favourite colour!",
            "Мой любимый цвет — синий",
            "Красный — мой любимый цвет",
            "Actually, my favourite colour is red",
        ),
        ("My favourite film is Alien", "My favorite movie is Heat", "Мой любимый фильм: Сталкер"),
        (
            "I live in Berlin",
            "By the way, I just moved to Paris.",
            "We're living in Rome now",
            "Я живу в Берлине",
            "я теперь живу в Твери",
            "Недавно переехала в Казань",
            "Запомни: мы живём под Псковом",
        ),
        (
            "My name is Anna.",
            "Call me Bob",
            "I'm called Bob",
            "Меня зовут Пётр",
            "зовут меня Аня",
            "запомни, что меня зовут Иван",
        ),
        (
            "Remember that the deploy key is XK-42",
            "the deploy key: YY-2",
            "Please note: our deploy key is now ZZ-3",
        ),
        ("ключ деплоя — АБ12", "Запомни, что ключ деплоя теперь АБ13", "Наш ключ деплоя: АБ14"),
        ("Запиши, пароль от wifi: qwerty12", "Запомни: пароль от wifi - asdf34", "пароль от wifi — 5"),
        ("The staging server's port is 8080", "The port of the staging server is 9090"),
        ("I'm 30 years old", "I am thirty-one years old", "мне 30 лет", "Мне уже 31 год"),
        ("My dog is called Rex", "my dog's name is Max", "The name of my dog is Bo"),
        ("Мою собаку зовут Рекс", "моя собака — Бобик"),
        ("My boss is Karen", "My boss is called Lee"),
        ("I work at Siemens", "I now work for Bosch", "Я работаю в Яндексе"),
        ("I work as a nurse", "Я работаю врачом"),
        ("My birthday is on 5 May", "I was born on 6 May 1990", "Мой день рождения 7 мая"),
        ("The meeting is on Tuesday", "the meeting was moved to Friday", "The meeting is on 5 May"),
        ("The meeting is at 15:00", "The meeting starts at 4 pm"),
        ("Встреча в пятницу", "Встреча теперь во вторник", "встреча - в среду"),
        ("My phone number is 555", "my phone number: 777"),
        ("Мой адрес: Ленина 5", "мой адрес — Мира 7"),
        ("Our deadline is 5 May", "Our deadline: Friday"),
        ("Remember: gate code: 4096", "The gate code is 7315", "The code for the gate is now 1"),
    ],
    ids=lambda statements: statements[0],
)
def test_statements_about_the_same_have_one_subject(statements: tuple[str, ...]) -> None:
    subjects = {statement: subject_of(statement) for statement in statements}

    assert None not in subjects.values(), subjects
    assert len(set(subjects.values())) == 1, subjects


def test_statements_about_other_things_have_other_subjects() -> None:
    statements = [
        "My favourite colour is blue",
        "My favourite food is soup",
        "I live in Berlin",
        "I work at Siemens",
        "My name is Anna",
        "My dog is called Rex",
        "My cat is called Tom",
        "The deploy key is 1",
        "The backup key is 1",
        "Anna's birthday is 5 May",
        "My birthday is 5 May",
        "The meeting is on Tuesday",
        "The meeting is at 15:00",
        "The team meeting is on Tuesday",
        "I was born in Rome",
        "мой адрес: Ленина 5",
        "адрес офиса — Ленина 5",
    ]

    subjects = [subject_of(statement) for statement in statements]

    assert None not in subjects
    assert len(set(subjects)) == len(statements)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "What is my favourite colour?",
        "what is my name",
        "Is my name Anna?",
        "My name is Anna, right?",
        "Do I live in Berlin",
        "Как меня зовут?",
        "какой мой любимый цвет",
        "Живу ли я в Берлине",
        "где я живу",
        "If my name is Bob, what then",
        "Suppose I live in Berlin",
        "Если мой любимый цвет синий",
        "My favourite colour is not blue",
        "My name is no longer Bob",
        "I don't live in Berlin",
        "Я не живу в Берлине",
        "мой любимый цвет — не синий",
        "I used to live in Berlin",
        "My favourite colour was blue",
        "She said my name is Bob",
        "I like tea",
        "У меня есть собака",
        "My cat is fat",
        "My boss is angry",
        "My job is boring",
        "The code is broken",
        "Call me later",
        "Call me tomorrow at 5",
        "Зови меня вечером",
        "The key is to start early",
        "The main key is in the box",
        "The number is odd",
        "My title is a bit boring",
        "I live in fear",
        "I moved to the next question",
        "Я живу в страхе",
        "I work at night",
        "Я работаю в субботу",
        "Я работаю на себя",
        "The flight is at risk",
        "The release is at 90%",
        "The port is 8080",
        "Функция: имя",
        "Имя файла: main.py",
        "Function name: foo",
        "Output language: French",
        "The password is wrong",
        "The name is too long",
        "пароль - неверный",
        "The server is down",
        "The time is running out",
        "The weather is nice",
        "Note: the room is cold",
        "Error: timeout",
        "TODO: buy milk",
        "I live in Berlin and work at Siemens",
        "My favourite colour is blue and my favourite food is soup",
        "Я живу в Берлине, а мой брат в Риме",
        "I live in Berlin. It rains.",
        "Write a poem about my favourite colour",
        "Привет!",
    ],
)
def test_what_states_no_single_thing_has_no_subject(text: str) -> None:
    assert subject_of(text) is None


def test_long_texts_have_no_subject() -> None:
    assert subject_of("My name is " + "very " * 100 + "long") is None


@given(st.text(max_size=400))
def test_a_subject_is_folded_and_never_empty(text: str) -> None:
    subject = subject_of(text)

    assert subject is None or subject == subject.casefold().strip() != ""


@given(
    st.sampled_from(["The deploy key is {}", "Мой пароль от сервера: {}", "My name is {}"]),
    st.integers(1, 10**9),
)
def test_the_subject_does_not_depend_on_the_value(form: str, value: int) -> None:
    assert subject_of(form.format(value)) == subject_of(form.format(value + 1)) is not None


@pytest.mark.parametrize("hostile", ["a " * 4_000, "my " * 100, "- " * 150, "x: " * 100, "is " * 100])
def test_hostile_texts_take_no_time(hostile: str) -> None:
    began = time.process_time()

    assert subject_of(hostile) is None
    assert time.process_time() - began < 0.1


RECALLED = (
    "User: My favourite colour is blue\n@general: Noted.",
    "User: Я живу в Берлине\n@general: Понятно!",
    "User: The port is 8080",
)


@pytest.mark.parametrize(
    "repeated",
    [
        "Your favourite colour is blue.",
        "You told me earlier that your favourite colour is blue!",
        "Вы живёте в Берлине.",
        "Я помню: вы говорили, что живёте в Берлине.",
        "As you said, the port is 8080.",
    ],
)
def test_a_sentence_that_only_repeats_is_removed(repeated: str) -> None:
    assert without_recalled(repeated, RECALLED) == ""
    assert without_recalled(f"Good question. {repeated} Shall I go on?", RECALLED) == (
        "Good question. Shall I go on?"
    )


@pytest.mark.parametrize(
    "new",
    [
        "Your favourite colour is green.",
        "Your favourite colour is not blue.",
        "The port is 8081.",
        "The colour blue goes well with white walls.",
        "Paint the port blue.",
        "Yes.",
        "It is, isn't it?",
        "",
    ],
)
def test_a_sentence_that_says_more_or_other_stays(new: str) -> None:
    assert without_recalled(new, RECALLED) == new


def test_words_of_different_memories_make_a_new_sentence() -> None:
    assert without_recalled("The port is blue.", RECALLED) == "The port is blue."


def test_what_stays_keeps_its_lines() -> None:
    text = "Here you are:\n\n- white walls\nYour favourite colour is blue.\n- a green door"

    assert without_recalled(text, RECALLED) == "Here you are:\n\n- white walls\n- a green door"


@given(st.text())
def test_without_anything_recalled_the_text_stays(text: str) -> None:
    assert without_recalled(text, []) == text.strip()


@given(WORDS, st.lists(WORDS, max_size=3))
def test_removing_again_changes_nothing(text: str, recalled: list[str]) -> None:
    once = without_recalled(text, recalled)

    assert without_recalled(once, recalled) == once

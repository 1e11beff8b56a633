"""The calculator and the ways of asking it."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.models.offline.arithmetic import (
    MAX_BITS,
    DividedByZero,
    NotArithmetic,
    TooLarge,
    Value,
    evaluate,
    shown,
)
from integrations.models.offline.conversation import Language
from integrations.models.offline.spoken import expressions_in
from tests.integrations.models.offline.questions import ask


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2+2", "4"), ("2+3*4", "14"), ("(2+3)*4", "20"), ("-2**2", "-4"), ("2**-1", "0.5"), ("10/4", "2.5"),
        ("7//2", "3"), ("-7//2", "-4"), ("7%3", "1"), ("7 % (1+2)", "1"), ("0.1+0.2", "0.3"), (".5*2", "1"),
        ("2**3**2", "512"), ("--2", "2"), ("+2", "2"), ("1-2-3", "-4"), ("10%", "0.1"), ("200+10%", "220"),
        ("200-10%", "180"), ("10%+5%", "0.15"), ("15% of 200", "30"), ("50%*3", "1.5"), ("(10%)", "0.1"),
        ("sqrt 16", "4"), ("sqrt(2.25)", "1.5"), ("1/3+1/3+1/3", "1"), ("10/3", "≈ 3.33333333333"),
        ("2**0.5", "≈ 1.41421356237"), ("sqrt 2", "≈ 1.41421356237"), ("4**0.5", "≈ 2"), ("-1/8", "-0.125"),
        ("1**99999999999", "1"), ("(-1)**99999999999", "-1"), ("0**0", "1"), ("2**300", str(2**300)),
    ],
)  # fmt: skip
def test_an_expression_has_its_value(expression: str, value: str) -> None:
    assert shown(evaluate(expression)) == value


@pytest.mark.parametrize(
    "expression",
    ["", "2+", "2 3", "*2", "(2", "2)", "()", "two", "1e5", "2+a", "(-8)**0.5", "sqrt(-1)", "of 2"],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(NotArithmetic):
        evaluate(expression)


@pytest.mark.parametrize("expression", ["1/0", "1//0", "1%0", "5/(2-2)", "0**-1"])
def test_dividing_by_zero_has_no_value(expression: str) -> None:
    with pytest.raises(DividedByZero):
        evaluate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9", "2**-2000", "9" * 400, "1.5**99999", f"{2**900}*{2**900}", "(" * 60 + "1" + ")" * 60, "-" * 60 + "1",
        "1" + "+1" * 300, f"{2**900}**1.5",
    ],
    ids=["tower", "tiny", "literal", "fraction", "product", "parentheses", "signs", "long", "float"],
)  # fmt: skip
def test_what_would_grow_without_bound_is_refused(expression: str) -> None:
    with pytest.raises(TooLarge):
        evaluate(expression)


numbers = st.integers(0, 10**6).map(str) | st.decimals(0, 10**4, places=2).map(str)
expressions = st.recursive(
    numbers,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=8,
)


@given(expressions)
def test_sums_and_products_are_exact(expression: str) -> None:
    exact = Fraction(eval(_in_fractions(expression), {"Fraction": Fraction}))

    assert evaluate(expression).number == exact


def _in_fractions(expression: str) -> str:
    import re

    return re.sub(r"\d+(?:\.\d+)?", lambda number: f"Fraction('{number[0]}')", expression)


@given(st.text(st.sampled_from("0123456789.+-*/%() ofsqrt"), max_size=60))
def test_any_text_gives_a_bounded_value_or_a_clear_refusal(text: str) -> None:
    try:
        value = evaluate(text)
    except (NotArithmetic, DividedByZero, TooLarge):
        return

    assert value.number.numerator.bit_length() <= MAX_BITS
    assert shown(value)


def test_a_value_that_does_not_end_is_shown_as_near() -> None:
    assert shown(Value(Fraction(1, 3))) == "≈ 0.333333333333"
    assert shown(Value(Fraction(1, 10**13))) == "≈ 1e-13"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("what is 2+2", "2+2 = 4"),
        ("@CodeAssistant what is 2+2", "2+2 = 4"),
        ("What's 2 + 2?", "2 + 2 = 4"),
        ("2+2", "2+2 = 4"),
        ("2^10 =", "2**10 = 1024"),
        ("Hi, could you please calculate 1,000 * 3?", "1000 * 3 = 3000"),
        ("calculate (1+2)*3 and tell me why", "(1+2)*3 = 9"),
        ("two plus two", "2 + 2 = 4"),
        ("what is twenty-five times two hundred", "25 * 200 = 5000"),
        ("what is three thousand five hundred minus one?", "3500 - 1 = 3499"),
        ("what is 15 percent of 80?", "15 % of 80 = 12"),
        ("how much is 200 + 10%?", "200 + 10% = 220"),
        ("what is the square root of 16", "sqrt 16 = 4"),
        ("5 squared", "5 **2 = 25"),
        ("10 divided by 4", "10 / 4 = 2.5"),
        ("17 mod 5", "17 % 5 = 2"),
        ("3 x 4", "3*4 = 12"),
        ("6 × 7", "6 * 7 = 42"),
        ("what is 10 / 3", "10 / 3 ≈ 3.33333333333"),
        ("What is 2+2? What is 3*3?", "2+2 = 4\n3*3 = 9"),
        ("what is the result of 7 // 2", "7 // 2 = 3"),
        ("what is 1/0", "1/0 has no value: it divides by zero."),
        ("what is 9**9**9", "9**9**9 is too large for me to work out."),
        ("сколько будет 2+2", "2+2 = 4"),
        ("Сколько будет 2,5 плюс 1 000?", "2.5 + 1000 = 1002.5"),
        ("сколько будет 15 процентов от 200", "15 % of 200 = 30"),
        ("сколько будет семь умножить на восемь?", "7 * 8 = 56"),
        ("чему равно 2 в степени 10", "2 ** 10 = 1024"),
        ("Сколько будет сто двадцать пять минус пять", "125 - 5 = 120"),
        ("посчитай корень из 16", "sqrt 16 = 4"),
        ("сколько будет 1 / 0", "1 / 0 не имеет значения: деление на ноль."),
        ("сколько будет 9**9**9", "9**9**9 — слишком большое вычисление для меня."),
    ],
)  # fmt: skip
def test_a_sum_is_answered_however_it_is_asked(question: str, answer: str) -> None:
    assert ask(question) == answer


@pytest.mark.parametrize(
    "question",
    [
        "what happened in 2010-2020?", "what is 2024-05-01", "what is 5", "please call 555-1234 now", "version 1.2.3",
        "the score was 3-2 yesterday", "what is 2 +", "what is (2", "12.05.2024", "what is -5", "what is 2 3 + 4",
    ],
)  # fmt: skip
def test_numbers_that_are_no_sum_are_left_alone(question: str) -> None:
    assert "offline model" in ask(question)


@given(st.text(max_size=300), st.sampled_from(Language))
def test_no_question_breaks_the_search_for_sums(question: str, language: Language) -> None:
    for expression in expressions_in(question, language=language):
        assert expression.strip() == expression

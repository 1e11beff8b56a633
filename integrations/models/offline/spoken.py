"""Arithmetic as people write it, in English and Russian, turned into the calculator's notation."""

from __future__ import annotations

import re

from integrations.models.offline.conversation import Language

MAX_QUESTION = 2_000
"""Characters looked at: nobody asks a longer sum, and pasted documents hold numbers of all kinds."""

_UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
    "ноль": 0, "один": 1, "два": 2, "две": 2, "три": 3, "четыре": 4, "пять": 5, "шесть": 6, "семь": 7,
    "восемь": 8, "девять": 9, "десять": 10, "одиннадцать": 11, "двенадцать": 12, "тринадцать": 13,
    "четырнадцать": 14, "пятнадцать": 15, "шестнадцать": 16, "семнадцать": 17, "восемнадцать": 18,
    "девятнадцать": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
    "двадцать": 20, "тридцать": 30, "сорок": 40, "пятьдесят": 50, "шестьдесят": 60, "семьдесят": 70,
    "восемьдесят": 80, "девяносто": 90,
}  # fmt: skip
_HUNDREDS = {"сто": 100, "двести": 200, "триста": 300, "четыреста": 400, "пятьсот": 500}
_THOUSANDS = frozenset({"thousand", "тысяча", "тысячи", "тысяч"})
_ADDED = _UNITS | _TENS | _HUNDREDS
_NUMBER_WORD = "|".join(sorted([*_ADDED, *_THOUSANDS, "hundred"], key=len, reverse=True))
_SPOKEN_NUMBER = re.compile(rf"\b(?:{_NUMBER_WORD})(?:(?:\s+|-)(?:{_NUMBER_WORD}))*\b")

_OPERATORS: tuple[tuple[str, str], ...] = (
    (r"to the power of|raised to(?: the power of)?|в степени", "**"),
    (r"squared|в квадрате", "**2"),
    (r"cubed|в кубе", "**3"),
    (r"(?:the )?(?:square )?root of|(?:квадратн\w+ )?кор(?:ень|ня) из|sqrt", " sqrt "),
    (r"multiplied by|times|умножить на|умноженн\w+ на|помножить на", "*"),
    (r"divided by|over|(?:раз|по)?делить на|(?:раз|по)?дел[её]нн\w+ на", "/"),
    (r"modulo|mod", "%"),
    (r"plus|плюс|прибавить", "+"),
    (r"minus|минус|отнять|вычесть", "-"),
    (r"per ?cent|процент\w*", "%"),
    (r"of|от", " of "),
)
_WORD_OPERATORS = tuple(
    (re.compile(rf"\b(?:{words})(?!\w)", re.IGNORECASE), sign) for words, sign in _OPERATORS
)
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "√": " sqrt ", "\u00a0": " "})
_CROSS = re.compile(r"(?<=[\d)])\s*[xх]\s*(?=[\d(])", re.IGNORECASE)
_CARET = re.compile(r"\^")
_DATE = re.compile(
    r"\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b\d+(?:\.\d+){2,}\b"
)
_THOUSANDS_COMMA = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_THOUSANDS_SPACE = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?!\d)")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")

EXPRESSION = r"(?:[-+(]\s*|sqrt\s*)*(?:\d|\.\d)(?:[\d.\s()*/%+-]|sqrt|of(?=\s*[\d(]))*"
_TRIGGER = (
    r"(?:what(?:'s|\s+is|\s+are|\s+does|\s+do)|how\s+much\s+(?:is|are)|calculate|compute|evaluate|solve|work\s+out"
    r"|сколько(?:\s+будет|\s+это)?|посчитай\w*|вычисли\w*|подсчитай\w*|рассчитай\w*|реши\w*|чему\s+равн\w+)"
)
_FILLER = (
    r"(?:\s+(?:the\s+)?(?:result|value|sum|answer)\s+(?:of|to)|\s+(?:this|результат|значение|выражени\w+))?"
)
_ASKED = re.compile(rf"{_TRIGGER}{_FILLER}\s*:?\s*(?P<expression>{EXPRESSION})", re.IGNORECASE)
_BARE = re.compile(rf"\s*(?P<expression>{EXPRESSION})\s*=?\s*[?.!]*\s*", re.IGNORECASE)
_DANGLING = " .+-*/("
_OPERATION = re.compile(r"[-+*/%]|sqrt|of")


def expressions_in(question: str, *, language: Language) -> list[str]:
    """The expressions that `question` asks to compute, in order; dates and mere numbers are none.

    An expression counts when it stands alone or directly follows words that ask for it.
    """
    text = _notation(question[:MAX_QUESTION], language=language)
    if bare := _BARE.fullmatch(text):
        found = [bare["expression"]]
    else:
        found = [match["expression"] for match in _ASKED.finditer(text)]
    return [expression for each in found if _is_operation(expression := each.strip().rstrip(_DANGLING))]


def _is_operation(expression: str) -> bool:
    return _OPERATION.search(expression.lstrip("+-( ")) is not None or "sqrt" in expression


def _notation(question: str, *, language: Language) -> str:
    text = _DATE.sub("#", question.translate(_SIGNS).lower())
    text = _numbers(text, language=language)
    text = _SPOKEN_NUMBER.sub(lambda found: str(_spoken(found[0])), text)
    for words, sign in _WORD_OPERATORS:
        text = words.sub(sign, text)
    return _CROSS.sub("*", _CARET.sub("**", text))


def _numbers(text: str, *, language: Language) -> str:
    """Numbers with a point for decimals and nothing between thousands."""
    text = _THOUSANDS_SPACE.sub(lambda found: found[0].replace(" ", ""), text)
    if language is Language.ENGLISH:
        text = _THOUSANDS_COMMA.sub(lambda found: found[0].replace(",", ""), text)
    return _DECIMAL_COMMA.sub(".", text)


def _spoken(words: str) -> int:
    """The number that a run of number words names: `three thousand two hundred five` is 3205."""
    thousands = rest = 0
    for word in re.split(r"[\s-]+", words):
        if word in _THOUSANDS:
            thousands, rest = thousands + (rest or 1) * 1000, 0
        elif word == "hundred":
            rest = (rest or 1) * 100
        else:
            rest += _ADDED[word]
    return thousands + rest

"""A calculator: exact numbers, a fixed grammar, and bounds on everything that could grow."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

MAX_TOKENS = 200
MAX_DEPTH = 40
MAX_BITS = 1000
"""Numerators and denominators beyond this are refused: about 300 digits, still within a float."""
MAX_LITERAL = 300
SHOWN_DIGITS = 12

TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+|\*\*|//|sqrt|of|[-+*/%()])")
_OPERATOR_AFTER_PERCENT = frozenset({"+", "-", "*", "/", "//", "**", ")", "of", None})


class NotArithmetic(Exception):
    """The text is no expression."""


class TooLarge(Exception):
    """The expression is fine and its value beyond the bounds."""


class DividedByZero(Exception):
    """The expression divides by zero."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number; a percentage counts as a part of what it is added to. `exact` is false after a root."""

    number: Fraction
    exact: bool = True
    percent: bool = False


def evaluate(expression: str) -> Value:
    """The value of `expression`: + - * / // % ** sqrt, parentheses, `15% of 200`, `200 + 10%`.

    Raises:
        NotArithmetic: it does not follow the grammar.
        DividedByZero: it has no value.
        TooLarge: it is too long, too deep or its value has too many digits.
    """
    return _Parser(_tokens(expression)).whole()


def shown(value: Value) -> str:
    """The number in decimal, exact where it ends, else 12 significant digits after `≈`."""
    number = value.number
    if number.denominator == 1:
        return f"{'' if value.exact else '≈ '}{number.numerator}"
    digits = _terminating(number) if value.exact else None
    return digits or f"≈ {float(number):.{SHOWN_DIGITS}g}"


def _terminating(number: Fraction) -> str | None:
    """The decimal form when it ends within the shown digits after the point."""
    for places in range(1, SHOWN_DIGITS + 1):
        scaled = number * 10**places
        if scaled.denominator == 1:
            digits = f"{abs(scaled.numerator):0{places + 1}d}"
            return f"{'-' if number < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return None


def _tokens(expression: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    text = expression.rstrip()
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise NotArithmetic
        tokens.append(found[1])
        position = found.end()
        if len(tokens) > MAX_TOKENS:
            raise TooLarge
    return tokens


class _Parser:
    """Recursive descent, lowest precedence first; a new one for each expression."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Value:
        value = self._sum()
        if self._peek() is not None:
            raise NotArithmetic
        return value

    def _peek(self, ahead: int = 0) -> str | None:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else None

    def _take(self, *wanted: str) -> str | None:
        token = self._peek()
        if token is None or token not in wanted:
            return None
        self._at += 1
        return token

    def _sum(self) -> Value:
        left = self._product()
        while sign := self._take("+", "-"):
            left = _add(left, self._product(), 1 if sign == "+" else -1)
        return left

    def _product(self) -> Value:
        left = self._signed()
        while operator := self._take("*", "/", "//", "%", "of"):
            left = _multiply(operator, left, self._signed())
        return left

    def _signed(self) -> Value:
        if sign := self._take("+", "-"):
            value = self._nested(self._signed)
            return Value(value.number if sign == "+" else -value.number, value.exact, value.percent)
        return self._power()

    def _power(self) -> Value:
        base = self._percentage()
        if self._take("**"):
            return _raise(base, self._nested(self._signed))
        return base

    def _percentage(self) -> Value:
        value = self._atom()
        if self._peek() == "%" and self._peek(1) in _OPERATOR_AFTER_PERCENT:
            self._at += 1
            return Value(value.number / 100, value.exact, percent=True)
        return value

    def _atom(self) -> Value:
        if self._take("sqrt"):
            return _root(self._nested(self._percentage))
        if self._take("("):
            value = self._nested(self._sum)
            if not self._take(")"):
                raise NotArithmetic
            return value
        token = self._peek()
        if token is None or not (token[0].isdigit() or token[0] == "."):
            raise NotArithmetic
        if len(token) > MAX_LITERAL:
            raise TooLarge
        self._at += 1
        return _bounded(Fraction(token))

    def _nested(self, rule: Callable[[], Value]) -> Value:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooLarge
        value = rule()
        self._depth -= 1
        return value


def _add(left: Value, right: Value, sign: int) -> Value:
    part = right.number
    if right.percent and not left.percent:
        part *= left.number
    return _bounded(
        left.number + sign * part, exact=left.exact and right.exact, percent=left.percent and right.percent
    )


def _multiply(operator: str, left: Value, right: Value) -> Value:
    exact = left.exact and right.exact
    if operator in {"*", "of"}:
        return _bounded(left.number * right.number, exact=exact)
    if right.number == 0:
        raise DividedByZero
    if operator == "/":
        return _bounded(left.number / right.number, exact=exact)
    if operator == "//":
        return _bounded(Fraction(left.number // right.number), exact=exact)
    return _bounded(left.number % right.number, exact=exact)


def _raise(base: Value, exponent: Value) -> Value:
    if base.number == 0 and exponent.number < 0:
        raise DividedByZero
    if exponent.number.denominator != 1:
        return _approximate(base, exponent)
    power = exponent.number.numerator
    bits = max(base.number.numerator.bit_length(), base.number.denominator.bit_length())
    if abs(power) * max(bits - 1, 1) > MAX_BITS and abs(base.number) not in {0, 1}:
        raise TooLarge
    number = base.number ** (power if abs(base.number) != 1 else power % 2)
    return _bounded(Fraction(number), exact=base.exact and exponent.exact)


def _approximate(base: Value, exponent: Value) -> Value:
    if base.number < 0:
        raise NotArithmetic
    try:
        return _bounded(Fraction(float(base.number) ** float(exponent.number)), exact=False)
    except (OverflowError, ValueError):
        raise TooLarge from None


def _root(value: Value) -> Value:
    if value.number < 0:
        raise NotArithmetic
    up, down = math.isqrt(value.number.numerator), math.isqrt(value.number.denominator)
    root = Fraction(up, down)
    if root * root == value.number:
        return Value(root, value.exact)
    return _approximate(value, Value(Fraction(1, 2)))


def _bounded(number: Fraction, *, exact: bool = True, percent: bool = False) -> Value:
    if max(number.numerator.bit_length(), number.denominator.bit_length()) > MAX_BITS:
        raise TooLarge
    return Value(number, exact, percent)

"""Checks of input fields that several areas share; all problems of an input are reported together."""

from __future__ import annotations

import unicodedata
from typing import TypeVar

from domain.errors import FieldProblem, Invalid
from domain.folding import composed

Number = TypeVar("Number", int, float)

_NEVER_IN_LINES = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories: control characters, lone surrogates, line and paragraph separators."""


class Fields:
    """Collects what is wrong with one input, field by field; paths are named as in the API."""

    def __init__(self) -> None:
        self._problems: list[FieldProblem] = []

    def refuse(self, message: str, *path: str) -> None:
        """Note a problem of the field at `path`."""
        self._problems.append(FieldProblem(path, message))

    def line(self, value: str, *path: str, at_most: int, at_least: int = 0) -> str:
        """One line of text: NFC, without spaces around it, `at_least` to `at_most` characters long."""
        clean = composed(value).strip()
        if any(unicodedata.category(character) in _NEVER_IN_LINES for character in clean):
            self.refuse("Control characters and line breaks are not allowed here.", *path)
        self._measure(clean, len(clean), path, at_most=at_most, at_least=at_least)
        return clean

    def text(self, value: str, *path: str, at_most: int, at_least: int = 0) -> str:
        """Text of any form, kept as it is; at least `at_least` characters of it are no spaces at its ends."""
        if not is_storable(value):
            self.refuse(
                "The text contains characters that can't be stored (NUL or half of a character).", *path
            )
        self._measure(value, len(value.strip()), path, at_most=at_most, at_least=at_least)
        return value

    def number(self, value: Number, *path: str, at_least: Number, at_most: Number) -> Number:
        """A number in `at_least`..`at_most`; NaN is none."""
        if not at_least <= value <= at_most:
            self.refuse(f"Must be from {at_least:,} to {at_most:,}.", *path)
        return value

    def count(self, size: int, *path: str, at_most: int) -> None:
        """A list of at most `at_most` entries."""
        if size > at_most:
            self.refuse(f"At most {at_most} are allowed; there are {size}.", *path)

    def check(self) -> None:
        """Raises Invalid with every problem that was noted."""
        if self._problems:
            raise Invalid(*self._problems)

    def _measure(self, value: str, solid: int, path: tuple[str, ...], *, at_most: int, at_least: int) -> None:
        if solid < at_least:
            self.refuse(
                "May not be empty." if solid == 0 else f"Must have at least {at_least} characters.", *path
            )
        elif len(value) > at_most:
            self.refuse(f"Must have at most {at_most:,} characters; it has {len(value):,}.", *path)


def is_storable(text: str) -> bool:
    """Whether every database can store the text: no NUL, no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text

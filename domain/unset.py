"""The one value that stands for an input field that was not given."""

from __future__ import annotations

from enum import Enum
from typing import Final, TypeVar

T = TypeVar("T")


class Unset(Enum):
    """The type of UNSET: absent, as opposed to None, which clears a field."""

    UNSET = "UNSET"


UNSET: Final = Unset.UNSET


def given(value: T | Unset, otherwise: T) -> T:
    """The value, or `otherwise` when it was not given."""
    return otherwise if value is UNSET else value

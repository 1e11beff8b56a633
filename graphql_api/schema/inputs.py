"""Optional fields of inputs: absent and, where null means nothing, null are the domain's UNSET."""

from __future__ import annotations

from typing import TypeVar

import strawberry

from domain.unset import UNSET, Unset

T = TypeVar("T")


def value_of(field: T | None) -> T | Unset:
    """A field for which null is the same as absent."""
    return UNSET if field is strawberry.UNSET or field is None else field


def nullable(field: T | None) -> T | Unset | None:
    """A field for which null is a value."""
    return UNSET if field is strawberry.UNSET else field


def or_none(field: T | None) -> T | None:
    """An argument for which absent is null."""
    return None if field is strawberry.UNSET else field

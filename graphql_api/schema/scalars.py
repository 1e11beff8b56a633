"""Scalars of our own."""

from __future__ import annotations

from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

Cursor = NewType("Cursor", int)
MicroUSD = NewType("MicroUSD", int)

_MAX = 2**53 - 1


def parse_cursor(value: object) -> Cursor | None:
    """A cursor from text or a whole number; None when it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    known = text.isascii() and text.isdigit() and len(text) <= len(str(_MAX)) and int(text) <= _MAX
    return Cursor(int(text)) if known else None


def _cursor(value: object) -> Cursor:
    cursor = parse_cursor(value)
    if cursor is None:
        raise GraphQLError("A cursor is what an event or a session gave out.")
    return cursor


def _micro_usd(value: object) -> MicroUSD:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX:
        raise GraphQLError("An amount is a whole number of micro-USD, from 0 to 2^53 - 1.")
    return MicroUSD(value)


SCALARS: dict[object, ScalarDefinition] = {
    Cursor: strawberry.scalar(
        name="Cursor",
        description="A position in one session's event log.",
        serialize=str,
        parse_value=_cursor,
    ),
    MicroUSD: strawberry.scalar(
        name="MicroUSD",
        description="Integer micro-USD (1,000,000 = $1); beyond 2^53 never.",
        serialize=int,
        parse_value=_micro_usd,
    ),
}

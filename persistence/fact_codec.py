"""How facts are written down: JSON for the live store, (kind, version, data) rows for SQL.

What is read may be older than the code: upcasters raise its data step by step to the version
that is written today. The shapes are those of the dataclasses in `domain.events.kinds`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson

from domain.events import kinds
from domain.events.kinds import Fact, FactBody

Data = Mapping[str, object]
Upcaster = Callable[[Data], Data]
Upcasters = Mapping[tuple[str, int], Upcaster]
Decode = Callable[[object], object]

UPCASTERS: Upcasters = types.MappingProxyType({})
"""For (kind, v): turns data written at version v into data of version v + 1. No entry: the kind did not change."""

KINDS: Mapping[str, type] = types.MappingProxyType({kind.__name__: kind for kind in get_args(FactBody)})


class UnreadableFact(ValueError):
    """Stored data that this version of the code can't turn into a fact."""


def encode(fact: Fact) -> bytes:
    """Write a fact as one JSON object."""
    return orjson.dumps(
        {
            "seq": fact.seq,
            "at": fact.at,
            "kind": type(fact.body).__name__,
            "v": kinds.VERSION,
            "data": fact.body,
        }
    )


def decode(written: bytes | str) -> Fact:
    """Read what `encode` wrote, by this or an older version.

    Raises:
        UnreadableFact: not JSON, not a fact, or a fact from a newer version.
    """
    try:
        return from_json(orjson.loads(written))
    except orjson.JSONDecodeError as problem:
        raise UnreadableFact("not JSON") from problem


def from_json(value: object) -> Fact:
    """Read a fact from parsed JSON, as one part of a larger message.

    Raises:
        UnreadableFact: not a fact, or a fact from a newer version.
    """
    try:
        parts = cast("dict[str, object]", value)
        return Fact(
            cast("int", parts["seq"]),
            datetime.fromisoformat(cast("str", parts["at"])),
            from_row(cast("str", parts["kind"]), cast("int", parts["v"]), cast("Data", parts["data"])),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise UnreadableFact("not a fact") from problem


def to_row(body: FactBody) -> tuple[str, int, dict[str, object]]:
    """Take a fact's body apart for the events table: its kind, its version and plain JSON data."""
    return type(body).__name__, kinds.VERSION, orjson.loads(orjson.dumps(body))


def from_row(
    kind: str, v: int, data: Data, *, upcasters: Upcasters = UPCASTERS, version: int = kinds.VERSION
) -> FactBody:
    """Rebuild a body from a row of this or an older version.

    Raises:
        UnreadableFact: an unknown kind, a newer version, or data of another shape.
    """
    if v > version or kind not in KINDS:
        raise UnreadableFact(f"{kind} of version {v} is unknown to version {version}")
    try:
        for step in range(v, version):
            if (upcast := upcasters.get((kind, step))) is not None:
                data = upcast(data)
        return cast("FactBody", decoder(KINDS[kind])(data))
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise UnreadableFact(f"{kind} of version {v} has another shape") from problem


@cache
def decoder(hint: object) -> Decode:
    """Build, once for each type hint, the function that turns parsed JSON into that type.

    Raises:
        TypeError: no rule for this hint.
    """
    if hint in {str, int, bool, object}:
        return _as_it_is
    if isinstance(hint, type):
        return _class_decoder(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple and args[1:] == (...,):
        return _tuple_decoder(decoder(args[0]))
    if origin in {types.UnionType, Union} and len(args) == 2 and args[1] is types.NoneType:
        return _optional_decoder(decoder(args[0]))
    raise TypeError(f"no rule to decode {hint}")


def _class_decoder(cls: type) -> Decode:
    if cls is datetime:
        return lambda value: datetime.fromisoformat(cast("str", value))
    if is_dataclass(cls):
        return _dataclass_decoder(cls)
    if cls in {UUID, float} or issubclass(cls, Enum):
        return cast("Decode", cls)
    raise TypeError(f"no rule to decode {cls}")


def _dataclass_decoder(cls: type) -> Decode:
    hints = get_type_hints(cls)
    steps = [(part.name, decoder(hints[part.name])) for part in fields(cls)]

    def read(value: object) -> object:
        data = cast("Data", value)
        return cls(*[step(data[name]) for name, step in steps])

    return read


def _tuple_decoder(each: Decode) -> Decode:
    return lambda value: tuple([each(part) for part in cast("list[object]", value)])


def _optional_decoder(present: Decode) -> Decode:
    return lambda value: None if value is None else present(value)


def _as_it_is(value: object) -> object:
    return value

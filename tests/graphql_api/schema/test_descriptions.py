"""The schema explains itself: nothing that a client can see is left without a description."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import (
    DEFAULT_DEPRECATION_REASON,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    build_schema,
)
from graphql.type import GraphQLDirective, GraphQLSchema

from graphql_api.app.schema_text import schema_text
from graphql_api.schema import build_schema as build_codelab_schema

Described = (
    GraphQLNamedType
    | GraphQLField
    | GraphQLArgument
    | GraphQLInputField
    | GraphQLEnumValue
    | GraphQLDirective
)
SCHEMA = build_codelab_schema()._schema


def members(schema: GraphQLSchema) -> Iterator[tuple[str, Described]]:
    """Everything that has a description, by its coordinate."""
    for directive in schema.directives:
        yield f"@{directive.name}", directive
        yield from ((f"@{directive.name}({name}:)", it) for name, it in directive.args.items())
    for kind in schema.type_map.values():
        if not kind.name.startswith("__"):
            yield kind.name, kind
            yield from _parts(kind)


def _parts(kind: GraphQLNamedType) -> Iterator[tuple[str, Described]]:
    match kind:
        case GraphQLObjectType() | GraphQLInterfaceType():
            for name, field in kind.fields.items():
                yield f"{kind.name}.{name}", field
                yield from ((f"{kind.name}.{name}({arg}:)", it) for arg, it in field.args.items())
        case GraphQLInputObjectType():
            yield from ((f"{kind.name}.{name}", it) for name, it in kind.fields.items())
        case GraphQLEnumType():
            yield from ((f"{kind.name}.{name}", it) for name, it in kind.values.items())


def test_everything_is_described_in_sentences() -> None:
    undescribed = [name for name, it in members(SCHEMA) if not (it.description or "").strip()]
    unfinished = [
        name
        for name, it in members(SCHEMA)
        if not name.startswith("@") and name not in SPECIFIED and not (it.description or "").endswith(".")
    ]

    assert undescribed == []
    assert unfinished == []


SPECIFIED = {"String", "Int", "Float", "Boolean", "ID", "DateTime"}
"""Scalars that others describe."""


def test_descriptions_are_short_and_of_one_line() -> None:
    long = [name for name, it in members(SCHEMA) if len(it.description or "") > 300 and name not in SPECIFIED]
    folded = [
        name for name, it in members(SCHEMA) if "\n" in (it.description or "") and name not in SPECIFIED
    ]

    assert [name for name in (*long, *folded) if not name.startswith("@")] == []


def without_reason(schema: GraphQLSchema) -> list[str]:
    """What is deprecated and does not say why."""
    reasons = {name: getattr(it, "deprecation_reason", None) for name, it in members(schema)}
    return [
        name for name, why in reasons.items() if why is not None and why in {"", DEFAULT_DEPRECATION_REASON}
    ]


def test_what_is_deprecated_says_why() -> None:
    silent = build_schema("type Query { a(b: Int @deprecated): E @deprecated } enum E { F @deprecated }")

    assert without_reason(silent) == ["Query.a", "Query.a(b:)", "E.F"]
    assert without_reason(SCHEMA) == []


def test_the_schema_as_text_says_the_same() -> None:
    shown = dict(members(build_schema(schema_text())))

    assert {name: shown[name].description for name, it in members(SCHEMA) if name in shown} == {
        name: it.description for name, it in members(SCHEMA) if name in shown
    }
    assert {name for name, _ in members(SCHEMA)} - set(shown) <= SPECIFIED

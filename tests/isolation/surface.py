"""What a caller can pass into the schema, and documents that select everything that comes out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_required_argument,
)

from graphql_api.schema import build_schema

HARMLESS = frozenset({"Int", "Float", "Boolean", "MicroUSD", "DateTime"})
"""Scalars that can't name anything of anybody's."""
DEPTH = 4
ROOTS = {"Query": "query", "Mutation": "mutation", "Subscription": "subscription"}

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


@cache
def schema() -> GraphQLSchema:
    """The product's schema."""
    return build_schema()._schema


def fields(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLField]]:
    """The root fields, and every other field that takes an argument, as `Type.field`."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for name, field in type_.fields.items():
                if type_.name in ROOTS or field.args:
                    yield f"{type_.name}.{name}", field


def arguments(field: GraphQLField) -> dict[str, str]:
    """The leaves of a field's arguments by their dotted path, each with the name of its type; harmless ones apart."""
    found: dict[str, str] = {}
    for name, argument in field.args.items():
        found.update(_leaves(name, argument.type, ()))
    return {path: type_ for path, type_ in found.items() if type_ not in HARMLESS}


def _leaves(path: str, type_: GraphQLInputType, around: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    named = get_named_type(type_)
    if isinstance(named, GraphQLScalarType):
        yield path, named.name
    elif isinstance(named, GraphQLInputObjectType) and named.name not in around:
        for name, field in named.fields.items():
            yield from _leaves(f"{path}.{name}", field.type, (*around, named.name))
    elif not isinstance(named, GraphQLEnumType | GraphQLInputObjectType):
        raise TypeError(f"{path} takes {named}, which this walk does not know")


@cache
def document(path: str, reach: str | None = None) -> str:
    """The operation that calls one field with all its arguments as variables and selects all that it can give.

    `reach` is the path of fields that leads to a field of another type, as in `agent(id: $owner).memory`; what
    its root field takes is `$owner`.
    """
    parent, name = path.split(".")
    type_ = schema().get_type(parent)
    if not isinstance(type_, GraphQLObjectType):
        raise TypeError(f"{parent} is not a type with fields")
    field = type_.fields[name]
    call = f"{name}{_passed(field.args)} {selection(field)}"
    declared = [f"${name}: {argument.type}" for name, argument in field.args.items()]
    if reach is not None:
        declared += ["$owner: ID!"] if "(" in reach else []
        for step in reversed(reach.split(".")):
            call = f"{step} {{ {call} }}"
    head = f"({', '.join(declared)})" if declared else ""
    return f"{ROOTS.get(parent, 'query')} It{head} {{ {call} }}"


def selection(field: GraphQLField, *, depth: int = DEPTH) -> str:
    """Everything below a field that needs no argument; a type that is being selected already gives its scalars only."""
    return _below(get_named_type(field.type), (), depth)


def _passed(args: dict[str, GraphQLArgument]) -> str:
    return f"({', '.join(f'{name}: ${name}' for name in args)})" if args else ""


def _below(type_: object, around: tuple[str, ...], depth: int) -> str:
    if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType):
        members = schema().get_possible_types(type_)
        parts = [
            f"... on {m.name} {_members(m, around, depth, prefix=f'{m.name}_')}"
            for m in sorted(members, key=lambda it: it.name)
        ]
        return f"{{ __typename {' '.join(parts)} }}"
    return _members(type_, around, depth) if isinstance(type_, GraphQLObjectType) else ""


def _members(type_: GraphQLObjectType, around: tuple[str, ...], depth: int, *, prefix: str = "") -> str:
    """Fields of members of a union get names of their own, because their types may differ."""
    parts = []
    for name, field in type_.fields.items():
        if any(map(is_required_argument, field.args.values())):
            continue
        named = get_named_type(field.type)
        inner = ""
        if isinstance(named, Composite):
            if depth <= 0 or type_.name in around or (named.name in around and not _has_scalars(named)):
                continue
            inner = _below(named, (*around, type_.name), 0 if name == "edges" else depth - 1)
        parts.append(f"{prefix}{name}: {name} {inner}" if prefix else f"{name} {inner}")
    return f"{{ {' '.join(['__typename', *parts])} }}"


def _has_scalars(type_: Composite) -> bool:
    own = type_.fields.values() if not isinstance(type_, GraphQLUnionType) else ()
    return any(not isinstance(get_named_type(field.type), Composite) for field in own)

"""Plans complete values exactly as graphql-core does, whatever is selected and whatever the values are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

import pytest
from graphql import (
    ExecutionResult,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    is_leaf_type,
    is_required_argument,
    parse,
    print_ast,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.base import StrawberryObjectDefinition

from domain.agents import entities
from domain.models.entities import ModelRef
from graphql_api.schema import build_schema
from graphql_api.schema.agents import Agent
from graphql_api.schema.events import Heartbeat, MessageCreated
from graphql_api.schema.scalars import Cursor
from graphql_api.transport.plain import PlainExecution, Plans

T = TypeVar("T")


class Draw(Protocol):
    """How a test case is drawn."""

    def __call__(self, strategy: st.SearchStrategy[T], /) -> T: ...


NOW = datetime(2030, 1, 2, 3, 4, 5, 678, UTC)
SCALARS: Mapping[str, list[object]] = {
    "String": ["", "text", "Ж", 7, True, 1.5],
    "ID": ["agt_1", "", 7, -1, 1.5],
    "Int": [0, 7, -(2**31), 2**31 - 1, 2**31, True, 1.0, 1.5, "7"],
    "Float": [0.0, 1.5, 7, True, float("nan"), float("inf"), "1.5"],
    "Boolean": [True, False, 0, 1, "true"],
    "DateTime": [NOW, "2030-01-02"],
    "Cursor": [0, 12, "12"],
    "MicroUSD": [0, 12, "12", "twelve"],
}


class Later:
    """A value that has to be awaited."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __await__(self) -> Generator[None, None, object]:
        yield from asyncio.sleep(0).__await__()
        return self.value


class Several:
    """A list that is none."""

    def __init__(self, items: list[object]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[object]:
        return iter(self.items)


def leaf(type_: GraphQLOutputType) -> GraphQLOutputType:
    """What is inside of lists and non-nulls."""
    while isinstance(type_, GraphQLList | GraphQLNonNull):
        type_ = type_.of_type
    return type_


def _probe() -> GraphQLSchema:
    """The real schema's types below a root that gives out whatever it is given."""
    real = build_schema()._schema
    composite = (GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType)
    fields: dict[str, GraphQLField] = {}
    for name, type_ in real.type_map.items():
        if isinstance(type_, composite) and not name.startswith("__"):
            many: GraphQLOutputType = GraphQLList(GraphQLNonNull(type_))
            for prefix, shape in {"one": type_, "must": GraphQLNonNull(type_), "many": many}.items():
                fields[f"{prefix}{name}"] = GraphQLField(shape, resolve=_given)
    return GraphQLSchema(GraphQLObjectType("Probe", fields), types=list(real.type_map.values()))


def _given(root: Mapping[str, object], info: Any) -> object:
    return root[info.field_name]


SCHEMA = _probe()
ROOT = cast("GraphQLObjectType", SCHEMA.query_type)


class Root(dict[str, object]):
    """What the probe gives out; types that lack a private field can't be shown."""

    def __repr__(self) -> str:
        return f"Root({', '.join(self)})"


class Documents:
    """Draws selections; what it makes is valid by construction."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.fragments: list[str] = []

    def selection(self, type_: GraphQLOutputType, depth: int) -> str:
        """The text between two braces."""
        parts = [self._part(type_, depth) for _ in range(self.draw(st.integers(1, 4)))]
        return " ".join(parts)

    def _part(self, type_: GraphQLOutputType, depth: int) -> str:
        kind = self.draw(st.sampled_from(("field", "field", "field", "name", "inline", "fragment")))
        if kind == "inline" and depth:
            return (
                f"... {self._condition(type_)} {self._directive()} {{ {self.selection(type_, depth - 1)} }}"
            )
        if kind == "fragment" and depth:
            return self._spread(type_, depth)
        fields = self._fields(type_, depth)
        if kind == "name" or not fields:
            return self.draw(st.sampled_from(("__typename", "its: __typename"))) + self._directive()
        name = self.draw(st.sampled_from(sorted(fields)))
        inside = leaf(fields[name].type)
        below = "" if is_leaf_type(inside) else f" {{ {self.selection(inside, depth - 1)} }}"
        return f"{self.draw(st.sampled_from(('', f'my{name}: ')))}{name} {self._directive()}{below}"

    def _fields(self, type_: GraphQLOutputType, depth: int) -> dict[str, GraphQLField]:
        if isinstance(type_, GraphQLUnionType):
            return {}
        return {
            name: field
            for name, field in cast("GraphQLObjectType", type_).fields.items()
            if not any(is_required_argument(it) for it in field.args.values())
            and (depth or is_leaf_type(leaf(field.type)))
        }

    def _condition(self, type_: GraphQLOutputType) -> str:
        return self.draw(st.sampled_from(("", f"on {type_}")))

    def _spread(self, type_: GraphQLOutputType, depth: int) -> str:
        """A named fragment, spread once or twice, on the type or on one that it may be."""
        on: Any = type_
        if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType):
            on = self.draw(st.sampled_from([type_, *SCHEMA.get_possible_types(type_)]))
        elif isinstance(type_, GraphQLObjectType) and type_.interfaces:
            on = self.draw(st.sampled_from([type_, *type_.interfaces]))
        text = self.selection(on, depth - 1)
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {on} {{ {text} }}")
        return " ".join([f"...{name}{self._directive()}"] * self.draw(st.integers(1, 2)))

    def _directive(self) -> str:
        none = [""] * 8
        return self.draw(
            st.sampled_from([*none, " @include(if: true)", " @skip(if: $yes)", " @include(if: $yes)"])
        )


class Values:
    """Draws values for types, most of them right."""

    def __init__(self, draw: Draw, *, spoiled: bool) -> None:
        self.draw = draw
        self.spoiled = spoiled

    def of(self, type_: GraphQLOutputType, depth: int = 3) -> object:
        """A value to complete."""
        if self.spoiled and self.draw(st.integers(0, 30)) == 0:
            wrong = (None, object(), "text", [1], ValueError("wrong"), Later("text"), Later(None), ())
            return self.draw(st.sampled_from(wrong))
        if isinstance(type_, GraphQLNonNull):
            return self._present(type_.of_type, depth)
        return None if self.draw(st.integers(0, 4)) == 0 else self._present(type_, depth)

    def _present(self, type_: Any, depth: int) -> object:
        match type_:
            case GraphQLList():
                sequence = self.draw(st.sampled_from((list, list, tuple, Several)))
                items = [self.of(type_.of_type, depth - 1) for _ in range(self.draw(st.integers(0, 3)))]
                return sequence(items)
            case GraphQLEnumType():
                return self.draw(st.sampled_from(list(type_.wrapped_cls)))  # type: ignore[attr-defined]  # Strawberry's
            case GraphQLObjectType():
                return self._instance(type_, depth)
            case GraphQLUnionType() | GraphQLInterfaceType():
                return self._instance(self.draw(st.sampled_from(SCHEMA.get_possible_types(type_))), depth)
        values = SCALARS.get(type_.name, ["text"])
        return self.draw(st.sampled_from(values if self.spoiled else values[:2]))

    def _instance(self, type_: GraphQLObjectType, depth: int) -> object:
        definition: StrawberryObjectDefinition = type_.extensions["strawberry-definition"]
        instance = object.__new__((definition.concrete_of or definition).origin)
        for field in type_.fields.values():
            its = field.extensions["strawberry-definition"]
            if its.is_basic_field and depth > 0:
                object.__setattr__(instance, its.python_name, self.of(field.type, depth - 1))
        return instance


@st.composite
def cases(draw: Draw, *, spoiled: bool) -> tuple[str, dict[str, object]]:
    """A document on the probe, and the root that it reads."""
    root_field = draw(st.sampled_from(sorted(ROOT.fields)))
    documents, values = Documents(draw), Values(draw, spoiled=spoiled)
    type_ = ROOT.fields[root_field].type
    text = documents.selection(leaf(type_), 3)
    query = f"query ($yes: Boolean!) {{ {root_field} {{ {text} }} }} {' '.join(documents.fragments)}"
    return query, Root({root_field: values.of(type_, 5)})


async def executed(build: Callable[..., Any], query: str, root: object) -> tuple[str, list[object]]:
    """Data in its order, and errors."""
    executor = build(
        SCHEMA, parse(query), root, raw_variable_values={"yes": True}, is_awaitable=optimized_is_awaitable
    )
    result = executor.execute_operation()
    if optimized_is_awaitable(result):
        result = await cast("Awaitable[ExecutionResult]", result)
    return json.dumps(result.data), [error.formatted for error in result.errors or ()]


async def both(query: str, make_root: Callable[[], object]) -> Plans:
    """Execute in both ways, with plans twice: when they are made, and when they are known."""
    plans: Plans = {}
    document = parse(query)

    def planned(_schema: GraphQLSchema, _document: object, *rest: Any, **options: Any) -> Any:
        return PlainExecution.build(SCHEMA, document, *rest, plans=plans, **options)

    expected = await executed(StrawberryGraphQLCoreExecutionContext.build, query, make_root())
    first = await executed(planned, query, make_root())
    second = await executed(planned, query, make_root())

    assert first == expected, print_ast(document)
    assert second == expected, print_ast(document)
    return plans


@given(cases(spoiled=False))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
async def test_right_values_are_completed_alike(case: tuple[str, dict[str, object]]) -> None:
    query, root = case

    await both(query, lambda: root)


@given(cases(spoiled=True))
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
async def test_wrong_values_fail_alike(case: tuple[str, dict[str, object]]) -> None:
    query, root = case

    await both(query, lambda: root)


AGENT = "id name handle role version isActive queue { waiting runningLimit } tools { name enabled } createdAt status"
HEAD = "query ($yes: Boolean!)"


def an_agent() -> Agent:
    tools = (entities.AgentTool("web", enabled=True), entities.AgentTool("files", enabled=False))
    its = entities.AgentSettings(
        "Ada", "ada", "Writes", (), "", ModelRef("codelab", "default"), 0.7, 1, 1, tools
    )
    queue = entities.Queue(0, 0, 1, 0)
    return Agent.of(entities.Agent(UUID(int=1), UUID(int=2), 1, True, its, queue, NOW, NOW))


@pytest.mark.parametrize(
    ("selection", "fragments", "planned"),
    [
        (AGENT, "", True),
        (
            "__typename mine: id id ...A ...A",
            "fragment A on Agent { id tools { name } tools { enabled } }",
            True,
        ),
        ("... on Agent { id } ... { name }", "", True),
        ("id statistics { processed }", "", False),
        ("id @include(if: $yes)", "", False),
    ],
)
async def test_a_selection_of_attributes_gets_a_plan_and_no_other_does(
    selection: str, fragments: str, planned: bool
) -> None:
    plans = await both(
        f"{HEAD} {{ manyAgent {{ {selection} }} }} {fragments}",
        lambda: {"manyAgent": [an_agent(), an_agent()]},
    )

    assert any(plans.values()) is planned


async def test_fragments_that_are_spread_again_and_again_take_no_longer() -> None:
    levels = 40
    again = [f"fragment F{n} on Agent {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    fragments = " ".join([*again, f"fragment F{levels} on Agent {{ id }}"])

    plans = await both(f"{HEAD} {{ oneAgent {{ ...F0 }} }} {fragments}", lambda: {"oneAgent": an_agent()})

    assert any(plans.values())


async def test_fields_that_are_repeated_with_fragments_below_take_no_longer() -> None:
    again = [
        f"fragment F{n} on MessageCreated {{ agent {{ ...G{n} }} agent {{ ...G{n} }} }} fragment G{n} on AgentRef {{ id }}"
        for n in range(3)
    ]
    selection = "...F0 ...F1 ...F2 ...F0 ...F1 ...F2"
    event = object.__new__(MessageCreated)
    event.agent = None

    plans = await both(
        f"{HEAD} {{ oneMessageCreated {{ {selection} }} }} {' '.join(again)}",
        lambda: {"oneMessageCreated": event},
    )

    assert any(plans.values())


async def test_what_is_wrong_below_a_plan_nulls_the_same_parents() -> None:
    broken = an_agent()
    broken.queue.waiting = cast("int", None)

    plans = await both(f"{HEAD} {{ oneAgent {{ {AGENT} }} }}", lambda: {"oneAgent": broken})

    assert any(plans.values())


SURPRISES = [None, object(), ValueError("wrong"), Later(7), Later(None), Undefined]


@pytest.mark.parametrize("surprise", SURPRISES, ids=lambda it: type(it).__name__)
@pytest.mark.parametrize("name", ["manyAgent", "manyHeartbeat", "oneAgent", "mustHeartbeat"])
async def test_what_is_no_object_of_the_type_is_completed_alike(name: str, surprise: object) -> None:
    value = [an_agent(), surprise] if name.startswith("many") else surprise

    await both(f"{HEAD} {{ {name} {{ __typename }} }}", lambda: {name: value})


@pytest.mark.parametrize("surprise", SURPRISES, ids=lambda it: type(it).__name__)
async def test_scalars_that_take_anything_are_given_nothing_wrong(surprise: object) -> None:
    event = object.__new__(Heartbeat)
    event.cursor = cast("Cursor", surprise)

    plans = await both(f"{HEAD} {{ oneHeartbeat {{ cursor }} }}", lambda: {"oneHeartbeat": event})

    assert any(plans.values())

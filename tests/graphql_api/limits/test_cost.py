"""What operations cost: by pages, lists and weights, with the variables of each call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from graphql import (
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
)
from hypothesis import given

from graphql_api.limits.cost import CostLimits, Costs, Weights
from tests.graphql_api.limits import documents as generated
from tests.graphql_api.limits.documents import SCHEMA, documents

WEIGHTS = Weights(
    fields={"Item.heavy": 40, "Mutation.change": 3},
    lists={"Item.any": 25, "Query.found": 12},
    whole={"Item.named": 60},
    list_size=10,
)
BOUNDLESS = CostLimits(complexity=10**30)


def _points(text: str, **variables: object) -> int:
    """An operation's complexity, told by the least limit that lets it pass."""
    try:
        Costs(SCHEMA, WEIGHTS, limits=CostLimits(complexity=-1))(*_parsed(text))(variables)
    except GraphQLError as error:
        found = (error.extensions or {})["found"]
        assert isinstance(found, int)
        return found
    raise AssertionError


def _units(text: str, **variables: object) -> int:
    return Costs(SCHEMA, WEIGHTS, limits=BOUNDLESS)(*_parsed(text))(variables)


def _parsed(text: str) -> tuple[Any, OperationDefinitionNode]:
    document = parse(text)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    return document, operation


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("{ n }", 1),
        ("{ __typename }", 1),
        ("{ x: n y: n }", 2),
        ("{ item { name tags } }", 3),
        ("{ item { heavy } }", 41),
        ("{ list { name } }", 1 + 10),
        ("{ item { any { __typename } } }", 2 + 25),
        ("{ item { named { name } } }", 1 + 60),
        ("{ items { total } }", 2),
        ("{ items { nodes { name } } }", 2 + 50),
        ("{ items(first: 3) { nodes { name heavy } total } }", 3 + 3 * 41),
        ("{ items(last: 4) { edges { at node { name } } } }", 2 + 4 * 3),
        ("{ items(first: 0) { nodes { name } } }", 2),
        ("{ items(first: -5) { nodes { name } } }", 2),
        ("{ items(first: 1000) { nodes { name } } }", 2 + 100),
        ("{ items(first: 99999999999999999999) { nodes { name } } }", 2 + 100),
        ("{ items(first: 2, last: 9) { nodes { name } } }", 2 + 9),
        ("{ items(first: null) { nodes { name } } }", 2 + 50),
        ("{ items(first: 2) { nodes { items(first: 3) { nodes { name } } } } }", 2 + 2 * (2 + 3)),
        ("{ items(first: 2) { nodes { list { name } } } }", 2 + 2 * (1 + 10)),
        ("{ items(first: 2) { ...p } } fragment p on ItemPage { nodes { ... { name } } }", 2 + 2),
        ("{ item { any { ... on Item { name } ... on Other { name n } } } }", 2 + 25 * 3),
        ("{ found { name } }", 1 + 12),
        ("{ found(first: null) { name } }", 1 + 12),
        ("{ found(first: 30) { name items { total } } }", 1 + 30 * 3),
        ("{ n @skip(if: true) }", 1),
        ("mutation { change { name } log }", 3 + 1 + 1),
    ],
)
def test_complexity_counts_fields_lists_pages_and_weights(text: str, points: int) -> None:
    assert _points(text) == points


@pytest.mark.parametrize(
    ("variables", "rows"),
    [
        ({}, 7),
        ({"n": 3}, 3),
        ({"n": None}, 50),
        ({"n": 500}, 100),
        ({"n": -1}, 0),
        ({"n": "3"}, 100),
        ({"n": 3.0}, 100),
        ({"n": [3]}, 100),
        ({"m": 3}, 7),
    ],
)
def test_a_page_s_size_may_be_a_variable(variables: Mapping[str, object], rows: int) -> None:
    text = "query Q($n: Int = 7) { items(first: $n) { nodes { name } } }"

    assert _points(text, **variables) == 2 + rows


@pytest.mark.parametrize(
    ("around", "points"),
    [
        ("list {{ {} }}", 1 + 10 * (2 + 3)),
        ("items(first: 4) {{ nodes {{ {} }} }}", 2 + 4 * (2 + 3)),
        ("items(first: $n) {{ nodes {{ {} }} }}", 2 + 3 * (2 + 3)),
        ("list {{ list {{ {} }} }}", 1 + 10 * (1 + 10 * (2 + 3))),
        ("item {{ items(last: $m) {{ edges {{ node {{ list {{ {} }} }} }} }} }}", 3 + 2 * (2 + 10 * (2 + 3))),
    ],
)
def test_pages_by_variables_multiply_with_what_is_around_them(around: str, points: int) -> None:
    inner = around.format("items(first: $n) { nodes { name } }")

    assert _points(f"query Q($n: Int, $m: Int) {{ {inner} }}", n=3, m=2) == points


def test_a_variable_without_a_default_leaves_the_page_as_it_is() -> None:
    assert _points("query Q($n: Int) { items(first: $n) { nodes { name } } }") == 2 + 50


@pytest.mark.parametrize(("rows", "units"), [(1, 1), (48, 1), (49, 2), (97, 2), (98, 3), (100, 3)])
def test_two_thousand_points_are_a_unit(rows: int, units: int) -> None:
    assert _units(f"{{ items(first: {rows}) {{ nodes {{ name heavy }} }} }}") == units


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("mutation { log }", 1),
        ("mutation { a: log b: log c: log }", 3),
        ("mutation { ...f ... { log } } fragment f on Mutation { a: log b: log }", 3),
        ("mutation { change { items { nodes { heavy name list { heavy } } } } log }", 12),
        ("{ a: n b: n c: n }", 1),
    ],
)
def test_each_root_field_of_a_mutation_is_a_unit_at_least(text: str, units: int) -> None:
    assert _units(text) == units


def test_what_is_too_complex_is_refused_with_both_figures() -> None:
    price = Costs(SCHEMA, limits=CostLimits(complexity=51))(
        *_parsed("query Q($n: Int) { items(first: $n) { nodes { name } } }")
    )

    assert price({"n": 49}) == 1
    with pytest.raises(GraphQLError) as refused:
        price({"n": 50})

    assert refused.value.message == "The operation's complexity is 52 points; the limit is 51."
    assert refused.value.extensions == {
        "code": "LIMIT_EXCEEDED",
        "name": "complexity",
        "limit": 51,
        "found": 52,
    }


@pytest.mark.parametrize(
    "variables",
    [
        {str(number): number for number in range(11)},
        {"v": list(range(10))},
        {"v": {str(number): number for number in range(10)}},
        {"v": [[[[[[[[[[1]]]]]]]]]]},
        {"v": [{"a": [1, 2]}, {"a": [1, 2]}, {"b": 1}]},
    ],
    ids=str,
)
def test_variables_of_too_many_values_are_refused(variables: Mapping[str, object]) -> None:
    document = _parsed("{ n }")
    enough = Costs(SCHEMA, limits=CostLimits(variable_values=11))(*document)
    short = Costs(SCHEMA, limits=CostLimits(variable_values=10))(*document)

    assert enough(variables) == 1
    with pytest.raises(GraphQLError, match="more than 10 values"):
        short(variables)


def test_a_list_is_not_counted_to_its_end() -> None:
    price = Costs(SCHEMA)(*_parsed("{ n }"))

    with pytest.raises(GraphQLError) as refused:
        price({"v": [list(range(100_000)) for _ in range(100)]})

    assert (refused.value.extensions or {})["found"] == 5_001


@given(documents(), generated.variables)
def test_the_price_is_that_of_a_naive_count(text: str, variables: Mapping[str, int | None]) -> None:
    document, operation = _parsed(text)

    assert _points(text, **variables) == _Naive(document, operation, variables).points


class _Naive:
    """Walks a document anew for each call, with the variables in hand."""

    def __init__(
        self, document: Any, operation: OperationDefinitionNode, variables: Mapping[str, int | None]
    ) -> None:
        self.fragments = {
            it.name.value: it for it in document.definitions if it.kind == "fragment_definition"
        }
        self.variables = {"b": 7, "c": None, **variables}
        root = SCHEMA.get_root_type(operation.operation)
        assert root is not None
        self.points = self._selected(operation.selection_set, root.name, None)

    def _selected(self, selection_set: Any, on: str, rows: int | None) -> int:
        total = 0
        for node in selection_set.selections:
            match node.kind:
                case "fragment_spread":
                    it = self.fragments[node.name.value]
                    total += self._selected(it.selection_set, it.type_condition.name.value, rows)
                case "inline_fragment":
                    total += self._selected(node.selection_set, node.type_condition.name.value, rows)
                case _:
                    total += self._field(node, on, rows)
        return total

    def _field(self, node: Any, on: str, rows: int | None) -> int:
        coordinate = f"{on}.{node.name.value}"
        if coordinate in WEIGHTS.whole:
            return WEIGHTS.whole[coordinate]
        own = WEIGHTS.fields.get(coordinate, 1)
        parent = SCHEMA.get_type(on)
        if node.selection_set is None or not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return own
        its_type = parent.fields[node.name.value].type
        if node.name.value == "found":
            return own + self._rows(node, 12) * self._selected(node.selection_set, "Item", None)
        asked = self._rows(node, 50) if node.name.value == "items" else None
        below = self._selected(node.selection_set, get_named_type(its_type).name, asked)
        if not is_list_type(get_nullable_type(its_type)):
            return own + below
        return own + below * (rows if rows is not None else WEIGHTS.lists.get(coordinate, WEIGHTS.list_size))

    def _rows(self, node: Any, default: int) -> int:
        sizes = [self._value(it.value) for it in node.arguments or ()]
        asked = [it for it in sizes if it is not None]
        return min(max(*asked, 0), 100) if asked else default

    def _value(self, value: Any) -> int | None:
        if value.kind == "variable":
            return self.variables.get(value.name.value)
        return int(value.value) if value.kind == "int_value" else None

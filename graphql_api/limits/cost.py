"""What an operation costs: its complexity, worked out once per document and evaluated for each call.

Complexity is in points: one for every field that may be executed. A list counts as often as its page
is long, and some fields weigh more. Two thousand points are one unit of the rate limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from domain.pages import DEFAULT_PAGE, MAX_PAGE
from graphql_api.transport.errors import limit_error
from graphql_api.transport.ports import Price

POINTS_PER_UNIT = 2_000
"""What graphql-core executes in about 20 ms (measured: 10 us a field); ordinary operations stay far below."""
PAGE_ARGUMENTS = frozenset({"first", "last"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What is not worth one point, by coordinates such as `Agent.statistics`.

    `fields` weigh so much themselves; `lists` are taken to be so long where nobody asks for a page
    size, all others to have `list_size` entries; `whole` is the price of a field together with all below it.
    """

    fields: Mapping[str, int] = field(default_factory=dict)
    lists: Mapping[str, int] = field(default_factory=dict)
    whole: Mapping[str, int] = field(default_factory=dict)
    list_size: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLimits:
    """The most that one operation may ask for.

    `complexity` is in points. `variable_values` counts everything in the variables, entries of lists
    and input objects included: they are coerced one by one before anything runs.
    """

    complexity: int = 50_000
    variable_values: int = 5_000


@dataclass(frozen=True, slots=True)
class _Variable:
    """A page size that comes with the call."""

    name: str
    default: int | None

    def size(self, variables: Mapping[str, object]) -> int | None:
        value = variables.get(self.name, self.default)
        return value if isinstance(value, int) else None if value is None else MAX_PAGE


@dataclass(frozen=True, slots=True)
class _Page:
    """How many rows a field asks for: the larger of `first` and `last`, within what the API allows."""

    sizes: tuple[int | _Variable | None, ...]
    default: int = DEFAULT_PAGE

    @property
    def fixed(self) -> bool:
        return not any(isinstance(it, _Variable) for it in self.sizes)

    def rows(self, variables: Mapping[str, object]) -> int:
        sizes = (it.size(variables) if isinstance(it, _Variable) else it for it in self.sizes)
        asked = max((it for it in sizes if it is not None), default=self.default)
        return min(max(asked, 0), MAX_PAGE)


@dataclass(slots=True)
class _Sum:
    """Points that are known, and those that depend on pages: each `times` the rows of one, times a sum."""

    points: int = 0
    paged: list[tuple[int, _Page, _Sum]] = field(default_factory=list)

    def add(self, other: _Sum, *, times: int = 1) -> None:
        self.points += times * other.points
        self.paged += ((times * by, page, inner) for by, page, inner in other.paged)

    def add_page(self, other: _Sum, page: _Page) -> None:
        if page.fixed:
            self.add(other, times=page.rows({}))
        else:
            self.paged.append((1, page, other))

    def evaluate(self, variables: Mapping[str, object]) -> int:
        points = self.points
        for times, page, inner in self.paged:
            points += times * page.rows(variables) * inner.evaluate(variables)
        return points


class Costs:
    """Prices the operations of one schema; a cost model (see the port).

    Every branch of a union and every field that may be skipped counts: the price is what an operation
    can come to. A mutation costs at least a unit for each of its root fields, so that aliases buy
    nothing.
    """

    def __init__(
        self, schema: GraphQLSchema, weights: Weights | None = None, *, limits: CostLimits | None = None
    ) -> None:
        self._schema = schema
        self._weights = weights or Weights()
        self._limits = limits or CostLimits()

    def __call__(self, document: DocumentNode, operation: OperationDefinitionNode, /) -> Price:
        """The price of an operation of a valid document that is within the limits of its shape."""
        walk = _Walk(self._schema, self._weights, document, operation)
        total, limits = walk.total(), self._limits
        least = walk.root_fields if operation.operation is OperationType.MUTATION else 1

        def price(variables: Mapping[str, object], /) -> int:
            _check_size(variables, limits.variable_values)
            points = total.evaluate(variables)
            if points > limits.complexity:
                message = (
                    f"The operation's complexity is {points:,} points; the limit is {limits.complexity:,}."
                )
                raise limit_error(message, name="complexity", limit=limits.complexity, found=points)
            return max(least, math.ceil(points / POINTS_PER_UNIT))

        return price


class _Walk:
    """Goes through one operation with the schema's types at hand."""

    def __init__(
        self,
        schema: GraphQLSchema,
        weights: Weights,
        document: DocumentNode,
        operation: OperationDefinitionNode,
    ) -> None:
        self._schema = schema
        self._weights = weights
        self._fragments = {
            it.name.value: it for it in document.definitions if isinstance(it, FragmentDefinitionNode)
        }
        self._operation = operation
        self._defaults = {
            it.variable.name.value: it.default_value for it in operation.variable_definitions or ()
        }

    @property
    def _root(self) -> GraphQLCompositeType:
        root = self._schema.get_root_type(self._operation.operation)
        assert root is not None  # validated  # noqa: S101
        return root

    @property
    def root_fields(self) -> int:
        selections = self._operation.selection_set.selections
        return sum(1 for _ in self._fields(selections, self._root))

    def total(self) -> _Sum:
        return self._selected(self._operation.selection_set, self._root, page=None)

    def _selected(
        self, selection_set: SelectionSetNode, parent: GraphQLCompositeType, *, page: _Page | None
    ) -> _Sum:
        """The sum of a selection; `page` is what the field around it asked for."""
        total = _Sum()
        for node, on in self._fields(selection_set.selections, parent):
            self._add_field(total, node, on, page=page)
        return total

    def _add_field(
        self, total: _Sum, node: FieldNode, parent: GraphQLCompositeType, *, page: _Page | None
    ) -> None:
        name = node.name.value
        definition = self._schema.get_field(parent, name)
        coordinate, weights = f"{parent.name}.{name}", self._weights
        if coordinate in weights.whole:
            total.points += weights.whole[coordinate]
            return
        total.points += weights.fields.get(coordinate, 1)
        if node.selection_set is None or definition is None:
            return
        inner_type = get_named_type(definition.type)
        if not is_composite_type(inner_type):
            return
        own, is_list = (
            self._page(node, definition, coordinate),
            is_list_type(get_nullable_type(definition.type)),
        )
        below = self._selected(node.selection_set, inner_type, page=None if is_list else own)
        if not is_list:
            total.add(below)
        elif (rows := own or page) is not None:
            total.add_page(below, rows)
        else:
            total.add(below, times=weights.lists.get(coordinate, weights.list_size))

    def _fields(
        self, selections: Iterable[SelectionNode], parent: GraphQLCompositeType
    ) -> Iterator[tuple[FieldNode, GraphQLCompositeType]]:
        """The fields of a selection with the type that each is asked of, fragments looked into."""
        for node in selections:
            if isinstance(node, FieldNode):
                yield node, parent
            elif isinstance(node, InlineFragmentNode):
                on = self._type(node.type_condition.name.value) if node.type_condition else parent
                yield from self._fields(node.selection_set.selections, on)
            elif isinstance(node, FragmentSpreadNode):
                it = self._fragments[node.name.value]
                yield from self._fields(it.selection_set.selections, self._type(it.type_condition.name.value))

    def _type(self, name: str) -> GraphQLCompositeType:
        found = self._schema.get_type(name)
        assert is_composite_type(found)  # validated  # noqa: S101
        return found

    def _page(self, node: FieldNode, definition: GraphQLField, coordinate: str) -> _Page | None:
        if PAGE_ARGUMENTS.isdisjoint(definition.args):
            return None
        given = (it.value for it in node.arguments or () if it.name.value in PAGE_ARGUMENTS)
        return _Page(tuple(self._size(it) for it in given), self._weights.lists.get(coordinate, DEFAULT_PAGE))

    def _size(self, value: ValueNode) -> int | _Variable | None:
        if isinstance(value, VariableNode):
            return _Variable(value.name.value, _int(self._defaults.get(value.name.value)))
        return _int(value)


def _int(value: ValueNode | None) -> int | None:
    return int(value.value) if isinstance(value, IntValueNode) else None


def _check_size(variables: Mapping[str, object], limit: int) -> None:
    """Refuse variables of too many values; stops counting at the limit.

    Raises:
        GraphQLError: there are more.
    """
    found, inside = 0, [*variables.values()]
    while inside:
        found += 1
        if found > limit:
            message = f"The variables have more than {limit:,} values, which is the limit."
            raise limit_error(message, name="variableValues", limit=limit, found=found)
        value = inside.pop()
        if isinstance(value, dict | list):
            inside += islice(value.values() if isinstance(value, dict) else value, limit + 1)

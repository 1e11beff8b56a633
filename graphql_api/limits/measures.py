"""How large a document is, by every measure that a hostile one can drive up.

Fragments are counted, never copied out: a fragment is measured once, however often it is spread, so
that the work is linear in what was written. The document may be invalid in any way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    ValueNode,
)

CEILING = 1_000_000
"""No count goes beyond it: what is told of a bomb must itself be small."""

Definition = OperationDefinitionNode | FragmentDefinitionNode


@dataclass(slots=True)
class Literals:
    """The widest and deepest of what is written beside fields; directives are counted as well."""

    directives: int = 0
    directives_per_place: int = 0
    arguments: int = 0
    list_items: int = 0
    object_fields: int = 0
    literal_depth: int = 0

    def directed(self, directives: Iterable[DirectiveNode] | None) -> None:
        """Count the directives of one place, and what they are given."""
        here = tuple(directives or ())
        self.directives += len(here)
        self.directives_per_place = max(self.directives_per_place, len(here))
        for it in here:
            self.argued(it.arguments)

    def argued(self, arguments: Iterable[ArgumentNode] | None) -> None:
        """Count the arguments of one place, and what is in their values."""
        here = tuple(arguments or ())
        self.arguments = max(self.arguments, len(here))
        for it in here:
            self.valued(it.value)

    def valued(self, value: ValueNode | None) -> None:
        """Look into one value."""
        if not isinstance(value, ListValueNode | ObjectValueNode):
            return
        inside: list[tuple[ValueNode, int]] = [(value, 1)]
        while inside:
            node, depth = inside.pop()
            if isinstance(node, ListValueNode):
                self.list_items = max(self.list_items, len(node.values))
                inside += ((it, depth + 1) for it in node.values)
            elif isinstance(node, ObjectValueNode):
                self.object_fields = max(self.object_fields, len(node.fields))
                inside += ((it.value, depth + 1) for it in node.fields)
            else:
                continue
            self.literal_depth = max(self.literal_depth, depth)


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a selection reaches; `depth` counts levels of fields, `roots` fields of the first level."""

    fields: int = 0
    aliases: int = 0
    depth: int = 0
    roots: int = 0

    def with_fragment(self, other: Extent, *, at: int) -> Extent:
        """Both together, the other one spread `at` so many levels below the top."""
        return Extent(
            min(self.fields + other.fields, CEILING),
            min(self.aliases + other.aliases, CEILING),
            max(self.depth, at + other.depth),
            min(self.roots + (other.roots if at == 0 else 0), CEILING),
        )


@dataclass(slots=True)
class _Written:
    """What one definition says itself, and the fragments that it spreads, each with its level."""

    extent: Extent
    spreads: list[tuple[str, int]] = field(default_factory=list)


class Measured:
    """A document's measures; those that need all fragments are 0 when there are too many to follow."""

    def __init__(self, document: DocumentNode, *, max_fragments: int) -> None:
        definitions = [it for it in document.definitions if isinstance(it, Definition)]
        self._operations = [it for it in definitions if isinstance(it, OperationDefinitionNode)]
        self._fragments: dict[str, list[FragmentDefinitionNode]] = {}
        for it in definitions:
            if isinstance(it, FragmentDefinitionNode):
                self._fragments.setdefault(it.name.value, []).append(it)
        self.literals = Literals()
        self.operations = len(self._operations)
        self.fragments = len(definitions) - self.operations
        self.variables = max((len(it.variable_definitions or ()) for it in self._operations), default=0)
        self.fragment_cycles = self.fields = self.aliases = self.depth = self.root_fields = 0
        self._written = {id(it): self._write(it) for it in definitions}
        self._extents: dict[str, Extent] = {}
        if self.fragments <= max_fragments:
            self._expand(definitions)

    def merges(self) -> int:
        """Pairs of fields that share a place in the response, which validation compares one by one.

        As much work as there are `fields`: ask only when they are few and nothing is cyclic.
        """
        return sum(_pairs(it.selection_set.selections, self._fragments) for it in self._tops())

    def _write(self, definition: Definition) -> _Written:
        literals, fields, aliases, deepest = self.literals, 0, 0, 0
        literals.directed(definition.directives)
        for variable in definition.variable_definitions or ():
            literals.directed(variable.directives)
            literals.valued(variable.default_value)
        spreads: list[tuple[str, int]] = []
        inside: list[tuple[SelectionNode, int]] = [(it, 0) for it in definition.selection_set.selections]
        roots = 0
        while inside:
            node, level = inside.pop()
            literals.directed(node.directives)
            if isinstance(node, FragmentSpreadNode):
                spreads.append((node.name.value, level))
            elif isinstance(node, InlineFragmentNode):
                inside += ((it, level) for it in node.selection_set.selections)
            elif isinstance(node, FieldNode):
                literals.argued(node.arguments)
                fields, roots, deepest = fields + 1, roots + (level == 0), max(deepest, level + 1)
                aliases += node.alias is not None
                if node.selection_set:
                    inside += ((it, level + 1) for it in node.selection_set.selections)
        return _Written(Extent(fields, aliases, deepest, roots), spreads)

    def _expand(self, definitions: Sequence[Definition]) -> None:
        for name in self._fragments:
            self._of_fragment(name, ())
        extents = [self._of_definition(it, ()) for it in definitions]
        self.depth = max((it.depth for it in extents), default=0)
        self.aliases = max((it.aliases for it in extents), default=0)
        self.fields = sum(self._of_definition(it, ()).fields for it in self._tops())
        self.root_fields = max((self._of_definition(it, ()).roots for it in self._operations), default=0)

    def _tops(self) -> Iterator[Definition]:
        """Operations, and fragments that nobody spreads: validation goes through those as well."""
        spread = {name for it in self._written.values() for name, _ in it.spreads}
        yield from self._operations
        for name, definitions in self._fragments.items():
            if name not in spread:
                yield from definitions

    def _of_definition(self, definition: Definition, path: tuple[str, ...]) -> Extent:
        written = self._written[id(definition)]
        extent = written.extent
        for name, level in written.spreads:
            extent = extent.with_fragment(self._of_fragment(name, path), at=level)
        return extent

    def _of_fragment(self, name: str, path: tuple[str, ...]) -> Extent:
        """A fragment's extent, all definitions of a repeated name together; one of no name has none."""
        if name in path:
            self.fragment_cycles += 1
            return Extent()
        if name not in self._extents:
            extent = Extent()
            for it in self._fragments.get(name, ()):
                extent = extent.with_fragment(self._of_definition(it, (*path, name)), at=0)
            self._extents[name] = extent
        return self._extents[name]


def _pairs(
    selections: Iterable[SelectionNode], fragments: Mapping[str, Sequence[FragmentDefinitionNode]]
) -> int:
    pairs, places = 0, [list(selections)]
    while places:
        named: dict[str, list[FieldNode]] = {}
        for it in _fields(places.pop(), fragments):
            named.setdefault((it.alias or it.name).value, []).append(it)
        for same in named.values():
            pairs += len(same) * (len(same) - 1) // 2
            places.append([it for node in same if node.selection_set for it in node.selection_set.selections])
    return pairs


def _fields(
    selections: list[SelectionNode], fragments: Mapping[str, Sequence[FragmentDefinitionNode]]
) -> Iterator[FieldNode]:
    """The fields of one place, those of fragments too; uses up the list."""
    while selections:
        node = selections.pop()
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            selections += node.selection_set.selections
        elif isinstance(node, FragmentSpreadNode):
            for it in fragments.get(node.name.value, ()):
                selections += it.selection_set.selections

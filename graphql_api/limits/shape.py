"""Refusing documents by their shape, before anything is looked up in the schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import BREAK, ASTValidationRule, DocumentNode, FieldNode, GraphQLError, VisitorAction

from graphql_api.limits.measures import Measured
from graphql_api.transport.errors import Code, limit_error


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeLimits:
    """The most that a document may have; generous for people and generated clients, tight for bombs.

    `depth` is what the introspection query of GraphiQL needs. `aliases` leave room for documents
    that read one field with several arguments, and for fields of a union whose types differ;
    `root_fields` are how often one request can repeat an operation under other names.
    `merges` bounds what is quadratic in the specification's own validation (FieldsInSetCanMerge):
    a thousand comparisons take some milliseconds.
    """

    operations: int = 10
    variables: int = 50
    fragments: int = 50
    fragment_cycles: int = 0
    depth: int = 15
    fields: int = 1_000
    root_fields: int = 20
    aliases: int = 30
    merges: int = 1_000
    directives: int = 50
    directives_per_place: int = 5
    arguments: int = 20
    list_items: int = 100
    object_fields: int = 50
    literal_depth: int = 10


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that a document goes beyond."""

    name: str
    limit: int
    found: int
    words: str

    @property
    def error(self) -> GraphQLError:
        """What the client is told."""
        return limit_error(
            f"The document has {self.found:,} {self.words}; the limit is {self.limit:,}.",
            name=self.name,
            limit=self.limit,
            found=self.found,
        )


def excesses(document: DocumentNode, limits: ShapeLimits) -> list[Excess]:
    """Every limit that the document goes beyond."""
    measured = Measured(document, max_fragments=limits.fragments)
    beyond = [it for it in _compared(measured, limits) if it.found > it.limit]
    if beyond:
        return beyond
    merges = Excess(
        "merges", limits.merges, measured.merges(), "pairs of fields in one place of the response"
    )
    return [merges] if merges.found > merges.limit else []


def _compared(it: Measured, limits: ShapeLimits) -> Iterator[Excess]:
    beside, expanded = it.literals, "when fragments are expanded"
    yield Excess("operations", limits.operations, it.operations, "operations")
    yield Excess("variables", limits.variables, it.variables, "variables in one operation")
    yield Excess("fragments", limits.fragments, it.fragments, "fragments")
    yield Excess(
        "fragmentCycles", limits.fragment_cycles, it.fragment_cycles, "fragments that contain themselves"
    )
    yield Excess("depth", limits.depth, it.depth, "levels of fields")
    yield Excess("fields", limits.fields, it.fields, f"fields {expanded}")
    yield Excess("rootFields", limits.root_fields, it.root_fields, "root fields in one operation")
    yield Excess("aliases", limits.aliases, it.aliases, f"aliases in one operation {expanded}")
    yield Excess("directives", limits.directives, beside.directives, "directives")
    yield Excess(
        "directivesPerPlace",
        limits.directives_per_place,
        beside.directives_per_place,
        "directives in one place",
    )
    yield Excess("arguments", limits.arguments, beside.arguments, "arguments in one place")
    yield Excess("listItems", limits.list_items, beside.list_items, "items in one list")
    yield Excess("objectFields", limits.object_fields, beside.object_fields, "fields in one input object")
    yield Excess("literalDepth", limits.literal_depth, beside.literal_depth, "levels of nested values")


def shape_rule(limits: ShapeLimits | None = None) -> type[ASTValidationRule]:
    """The rule class that holds documents to these limits; build it once."""
    held = limits or ShapeLimits()

    class ShapeRule(ASTValidationRule):
        """Measures the whole document at its root and goes no further."""

        def enter_document(self, node: DocumentNode, *_: object) -> VisitorAction:
            """Report everything that is too large."""
            for excess in excesses(node, held):
                self.report_error(excess.error)
            return BREAK

    return ShapeRule


class NoIntrospection(ASTValidationRule):
    """Refuses to tell about the schema; `__typename` is no secret."""

    def enter_field(self, node: FieldNode, *_: object) -> VisitorAction:
        """Report the first field that asks."""
        if node.name.value not in {"__schema", "__type"}:
            return None
        message = f"Introspection is switched off here: '{node.name.value}' is not answered."
        self.report_error(GraphQLError(message, node, extensions={"code": Code.INTROSPECTION_OFF}))
        return BREAK

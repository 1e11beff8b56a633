"""Documents: parsed, validated, and remembered by their text."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    Token,
    TokenKind,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.validation import ASTValidationContext
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graphql_api.transport.errors import Code, document_refused, limit_error, refused
from graphql_api.transport.plain import Plans
from graphql_api.transport.ports import CostModel, OperationKind, Price
from graphql_api.transport.tokens import has_more_tokens

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
"""The specification's rules, and those for what Strawberry adds to it."""

_NO_TOKEN = Token(TokenKind.SOF, 0, 0, 0, 0)
MAX_LABEL = 100
MAX_ERRORS = 10
"""A document that is wrong everywhere is told so many of its errors."""


def one_unit(_: DocumentNode, __: OperationDefinitionNode, /) -> Price:
    """The cost model under which every operation costs the same."""
    return lambda _: 1


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a valid document.

    `resume_variable` names the variable that is used once, as the root field's `after`: where a
    subscriber begins does not change what an event looks like. `price` is what a call costs.
    """

    kind: OperationKind
    name: str | None
    node: OperationDefinitionNode
    resume_variable: str | None
    price: Price

    @property
    def label(self) -> str | None:
        """The name, cut to a length that may be logged: clients choose it."""
        return None if self.name is None else self.name[:MAX_LABEL]


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document; `id` is unique while the process lives.

    `plans` is what execution keeps for its next run.
    """

    id: int
    ast: DocumentNode
    operations: Mapping[str | None, Operation]
    plans: Plans = field(default_factory=dict, compare=False, repr=False)

    def select(self, name: str | None) -> Operation:
        """The operation to run; without a name the only one.

        Raises:
            Refused: there is no such operation, or several and no name.
        """
        if name is not None and name in self.operations:
            return self.operations[name]
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        problem = (
            f"Unknown operation named '{name[:MAX_LABEL]}'." if name else "Name the operation that is to run."
        )
        raise document_refused(Code.UNKNOWN_OPERATION, [GraphQLError(problem)])


@dataclass(slots=True)
class CacheCounts:
    """How often a document was known, new, or forgotten for lack of room."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0


@dataclass(slots=True)
class _Cache:
    """Valid documents by text, the least recently used forgotten first; bounded in number and in tokens.

    A token is a fair measure of memory: about one AST node each, 310 bytes with the plans (measured).
    """

    capacity: int
    capacity_tokens: int
    counts: CacheCounts = field(default_factory=CacheCounts)
    _documents: OrderedDict[str, Document] = field(default_factory=OrderedDict)
    _tokens: int = 0

    def get(self, text: str) -> Document | None:
        document = self._documents.get(text)
        if document is None:
            self.counts.misses += 1
            return None
        self.counts.hits += 1
        self._documents.move_to_end(text)
        return document

    def put(self, text: str, document: Document) -> None:
        self._documents[text] = document
        self._tokens += document.ast.token_count
        while len(self._documents) > self.capacity or self._tokens > self.capacity_tokens:
            _, forgotten = self._documents.popitem(last=False)
            self._tokens -= forgotten.ast.token_count
            self.counts.evictions += 1


MAX_TOKENS = 1_000


class Documents:
    """Knows which texts are valid for one schema.

    Size and token limits come before any other work. Then `limits`, validation rule classes that
    refuse documents by their shape: they are applied before the specification's rules, some of which
    take a fifth of a second for a thousand hostile tokens (measured: merging of repeated fields).
    They meet invalid documents and have no types to look at. The classes are built once, by whoever
    composes this. `cost` prices each operation of a valid document.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        limits: Sequence[type[ASTValidationRule]] = (),
        cost: CostModel = one_unit,
        max_characters: int = 100_000,
        max_tokens: int = MAX_TOKENS,
        capacity: int = 1_000,
        capacity_tokens: int = 40_000,
        hide_suggestions: bool = False,
    ) -> None:
        self._schema = schema
        self._limits = tuple(limits)
        self._cost = cost
        self._max_characters = max_characters
        self._max_tokens = max_tokens
        self._hide_suggestions = hide_suggestions
        self._cache = _Cache(capacity, capacity_tokens)
        self._ids = count(1)

    @property
    def counts(self) -> CacheCounts:
        """What the cache did so far."""
        return self._cache.counts

    def load(self, text: str) -> Document:
        """The document with this text.

        Raises:
            Refused: it is too long, not GraphQL, or not valid for the schema.
        """
        if (known := self._cache.get(text)) is not None:
            return known
        if len(text) > self._max_characters:
            message = f"The document has more than {self._max_characters} characters."
            raise refused(Code.TOO_LARGE, message, status=413, limit=self._max_characters)
        if has_more_tokens(text, self._max_tokens):
            message = f"The document has more than {self._max_tokens:,} tokens, which is the limit."
            error = limit_error(message, name="tokens", limit=self._max_tokens, found=self._max_tokens + 1)
            raise document_refused(Code.LIMIT_EXCEEDED, [error])
        document = self._validated(self._parsed(text))
        self._cache.put(text, document)
        return document

    def _parsed(self, text: str) -> DocumentNode:
        try:
            return parse(text, max_tokens=self._max_tokens)
        except GraphQLError as error:
            raise document_refused(Code.SYNTAX_ERROR, [error]) from None

    def _validated(self, ast: DocumentNode) -> Document:
        self._check_limits(ast)
        errors = validate(
            self._schema, ast, RULES, max_errors=MAX_ERRORS, hide_suggestions=self._hide_suggestions
        )
        if errors:
            raise document_refused(Code.VALIDATION_FAILED, errors)
        _forget_tokens(ast)
        nodes = [node for node in ast.definitions if isinstance(node, OperationDefinitionNode)]
        return Document(next(self._ids), ast, {_name(node): self._operation(node, ast) for node in nodes})

    def _check_limits(self, ast: DocumentNode) -> None:
        errors: list[GraphQLError] = []
        for rule in self._limits:
            visit(ast, rule(ASTValidationContext(ast, errors.append)))
        if errors:
            raise document_refused(Code.LIMIT_EXCEEDED, errors[:MAX_ERRORS])

    def _operation(self, node: OperationDefinitionNode, ast: DocumentNode) -> Operation:
        kind = OperationKind(node.operation.value)
        resume = _resume_variable(node, ast) if kind is OperationKind.SUBSCRIPTION else None
        return Operation(kind, _name(node), node, resume, self._cost(ast, node))


def _forget_tokens(ast: DocumentNode) -> None:
    """Let places keep where they begin and end, and not every token of the text: a quarter of the memory."""
    nodes: list[object] = [ast]
    while nodes:
        node = nodes.pop()
        if isinstance(node, tuple):
            nodes += node
        elif isinstance(node, Node):
            if node.loc is not None:
                node.loc.start_token = node.loc.end_token = _NO_TOKEN
            nodes += [getattr(node, key) for key in node.keys]


def _name(node: OperationDefinitionNode) -> str | None:
    return node.name.value if node.name else None


def _resume_variable(node: OperationDefinitionNode, ast: DocumentNode) -> str | None:
    for field_node in node.selection_set.selections:
        for argument in getattr(field_node, "arguments", ()) or ():
            if argument.name.value == "after" and isinstance(argument.value, VariableNode):
                name = argument.value.name.value
                return name if _uses(name, ast) == 1 else None
    return None


def _uses(name: str, ast: DocumentNode) -> int:
    counter = _VariableCounter(name)
    visit(ast, counter)
    return counter.uses


class _VariableCounter(Visitor):
    """Counts where a variable's value is used; its definition is not a use."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.uses = 0

    def enter_variable(self, node: VariableNode, _key: object, parent: object, *_: object) -> None:
        """Count the place, whatever operation or fragment it is in."""
        self.uses += node.name.value == self.name and not isinstance(parent, VariableDefinitionNode)

"""The limits fit the schema: its weights, its documents and what clients of it ask for."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_introspection_query,
    parse,
    print_ast,
)

from graphql_api.app.start_page import FOLDER
from graphql_api.limits.cost import CostLimits, Costs
from graphql_api.limits.shape import shape_rule
from graphql_api.schema import build_schema
from graphql_api.schema.weights import WEIGHTS
from graphql_api.transport.documents import Documents
from graphql_api.transport.errors import Refused
from tests.graphql_api.limits.test_shape import FIGURES
from tests.graphql_api.schema import api
from tests.resume.wire import EVENTS

MOST_CALLS = 40_000
"""Of Python functions, to refuse a document: about ten milliseconds; a clock would measure the machine."""
ROOT = Path(__file__).parents[3]
SCHEMA = build_schema()._schema
ORDINARY = [api.REGISTER, api.LOG_IN, api.REFRESH, api.CREATE_PROJECT, api.CREATE_SESSION, api.SEND, EVENTS]
ATTACKS = {
    "aliases": "{ " + " ".join(f"a{i}: system {{ version }}" for i in range(140)) + " }",
    "log-ins": "mutation { "
    + " ".join(
        f'a{i}: logIn(input: {{email: "a@b.c", password: "p{i}"}}) {{ __typename }}' for i in range(21)
    )
    + " }",
    "nesting": "{ me { projects { nodes { "
    + "agents { nodes { project { " * 20
    + "id"
    + " } } }" * 20
    + " } } } }",
    "fragments": "{ me { ...f0 } }"
    + "".join(f" fragment f{i} on User {{ ...f{i + 1} ...f{i + 1} }}" for i in range(40))
    + " fragment f40 on User { id }",
    "cycle": "{ me { ...f } } fragment f on User { ...g } fragment g on User { ...f }",
    "directives": "{ me { id " + "@skip(if: false) " * 120 + "} }",
    "repetition": "{ me { " + "id " * 900 + "} }",
    "lists": "{ me { projects(first: [" + "1 " * 900 + "]) { totalCount } } }",
    "tokens": "{ " + "me { id } " * 9_000 + "}",
    "pages": "{ me { projects(first: 100) { nodes { agents(first: 100) { nodes { id name role model { name }"
    " statistics { processed } } } } } } }",
}


def _documents() -> Documents:
    return Documents(SCHEMA, limits=[shape_rule()], cost=Costs(SCHEMA, WEIGHTS))


def _printed(page: str) -> Iterator[str]:
    """Every GraphQL text of a page of documentation."""
    text = (ROOT / page).read_text()
    yield from re.findall(r"```graphql\n(.*?)```", text, re.DOTALL)
    for script in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from re.findall(r"graphql '([^']*)'", script)


def _operations(text: str) -> Iterator[str]:
    """Each operation of a text as a document of its own, with all fragments."""
    definitions = parse(text).definitions
    fragments = [it for it in definitions if isinstance(it, FragmentDefinitionNode)]
    for it in definitions:
        if isinstance(it, OperationDefinitionNode):
            yield print_ast(DocumentNode(definitions=(it, *fragments)))


def _of_start_page() -> Iterator[str]:
    script = (FOLDER / "start.js").read_text()
    constants = dict(re.findall(r"^const ([A-Z_]+) = [\"'`](.*)[\"'`];$", script, re.MULTILINE))
    for text in constants.values():
        if text.startswith(("{", "mutation", "subscription")):
            yield re.sub(r"\$\{([A-Z_]+)\}", lambda found: constants[found[1]], text)


@pytest.mark.parametrize("coordinate", [*WEIGHTS.fields, *WEIGHTS.lists, *WEIGHTS.whole])
def test_every_weight_is_of_a_field_that_exists(coordinate: str) -> None:
    type_name, _, field = coordinate.partition(".")
    owner = SCHEMA.get_type(type_name)

    assert isinstance(owner, GraphQLObjectType | GraphQLInterfaceType)
    assert SCHEMA.get_field(owner, field)


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_what_the_documentation_prints_costs_one_unit(page: str) -> None:
    texts = [operation for text in _printed(page) for operation in _operations(text)]

    assert texts
    for text in texts:
        assert _price(text) == 1, text


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_operations_cost_one_unit(text: str) -> None:
    assert _price(text) == 1


@pytest.mark.parametrize("text", [*_of_start_page()])
def test_the_start_page_s_operations_cost_little(text: str) -> None:
    assert _price(text) == (6 if "agents" in text else 1)


def test_introspection_costs_what_it_takes() -> None:
    assert _price(get_introspection_query()) == 4


def test_a_deep_look_costs_more_with_larger_pages() -> None:
    text = """query ($n: Int) { me { projects(first: $n) { nodes { id name agents(first: $n) { nodes {
        id name status statistics { processed } } } } } } }"""

    assert [_price(text, n=n) for n in (5, 20, 50)] == [1, 2, 12]


def _price(text: str, **variables: object) -> int:
    return _priced(_documents(), text, **variables)


def _priced(documents: Documents, text: str, **variables: object) -> int:
    (operation,) = documents.load(text).operations.values()
    return operation.price(variables)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_after_little_work(name: str) -> None:
    documents, calls = _documents(), 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        with pytest.raises((Refused, GraphQLError)):
            _priced(documents, ATTACKS[name])
    finally:
        sys.setprofile(None)

    assert calls < MOST_CALLS, calls


def test_the_documentation_names_every_limit_with_its_figure() -> None:
    page = (ROOT / "docs/api.md").read_text().split("## Limits")[1]
    figures = {
        **{name: limit for name, limit in FIGURES.items() if limit},
        "variableValues": CostLimits().variable_values,
        "complexity": CostLimits().complexity,
    }

    told = {
        name: figure.replace(",", "")
        for name, figure in re.findall(r"\| `(\w+)`[^|]*\| ([\d,]+)(?= \|)", page)
    }
    told["directivesPerPlace"] = re.findall(r"(\d+) in one place \(`directivesPerPlace`\)", page)[0]

    assert told.pop("tokens") == "1000"
    assert told == {name: str(limit) for name, limit in figures.items()}


def test_a_refusal_says_which_limit_and_what_was_found() -> None:
    with pytest.raises(Refused) as refused:
        _documents().load(ATTACKS["log-ins"])

    (error,) = refused.value.errors
    assert error["message"] == "The document has 21 root fields in one operation; the limit is 20."
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "name": "rootFields", "limit": 20, "found": 21}

"""Documents are refused by their shape: allowed at each limit, refused one above, whatever else is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import pytest
from graphql import build_schema as schema_of
from graphql import get_introspection_query, parse, specified_rules, validate
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.limits.measures import CEILING, Measured
from graphql_api.limits.shape import NoIntrospection, ShapeLimits, excesses, shape_rule
from graphql_api.transport.documents import Documents
from graphql_api.transport.errors import Refused
from tests.graphql_api.limits.documents import documents

LIMITS = ShapeLimits()
SCHEMA = schema_of("type Query { a(x: Int): Query b: Int }")


def _chain(count: int) -> str:
    """As many fragments, each of which spreads the next."""
    links = "".join(f" fragment f{i} on Query {{ ...f{i + 1} }}" for i in range(count - 1))
    return f"{{ ...f0 }}{links} fragment f{count - 1} on Query {{ b }}"


def _cycle(count: int) -> str:
    return "{ ...f } fragment f on Query { " + ("a { ...f }" if count else "b") + " }"


def _in_fragments(selection: str, count: int) -> str:
    """A selection that is made so often, in equal fragments that are spread below each other."""
    spreads = " ".join(f"...f{i}" for i in range(count))
    return f"{{ {spreads} }}" + "".join(f" fragment f{i} on Query {{ {selection} }}" for i in range(count))


def _apart(count: int) -> str:
    """As many fields as asked for, no two of them in one place of the response."""
    rest = [f"a{{ {' '.join(f'x{i}' for i in range(199))} }}"] * (count // 200)
    named = (it.replace("a{", f"a{i}{{", 1) for i, it in enumerate(rest))
    return "{ " + " ".join(named) + " " + " ".join(f"y{i}" for i in range(count % 200)) + " }"


def _merging(pairs: int) -> str:
    """One field very often, and others twice, until there are so many pairs."""
    times = next(it for it in range(2, pairs + 2) if it * (it + 1) // 2 > pairs)
    twice = " ".join(f"x{i} x{i}" for i in range(pairs - times * (times - 1) // 2))
    return f"{{ a {{ {'b ' * times} {twice} }} }}"


BUILDERS: dict[str, Callable[[int], str]] = {
    "operations": lambda n: " ".join(f"query Q{i} {{ b }}" for i in range(n)),
    "variables": lambda n: f"query Q({' '.join(f'$v{i}: Int' for i in range(n))}) {{ b }}",
    "fragments": _chain,
    "fragmentCycles": _cycle,
    "depth": lambda n: "{ " + "a { " * (n - 1) + "b" + " }" * n,
    "fields": _apart,
    "rootFields": lambda n: "{ " + " ".join(f"b{i}" for i in range(n)) + " }",
    "aliases": lambda n: "{ a { " + " ".join(f"b{i}: b" for i in range(n)) + " } }",
    "merges": _merging,
    "directives": lambda n: "{ a { " + " ".join(f"b{i} @d" for i in range(n)) + " } }",
    "directivesPerPlace": lambda n: f"{{ b {'@d ' * n} }}",
    "arguments": lambda n: f"{{ a({' '.join(f'x{i}: 1' for i in range(n))}) {{ b }} }}",
    "listItems": lambda n: f"{{ a(x: [{'1 ' * n}]) {{ b }} }}",
    "objectFields": lambda n: "{ a(x: {" + " ".join(f"x{i}: 1" for i in range(n)) + "}) { b } }",
    "literalDepth": lambda n: f"{{ a(x: {'[' * n}1{']' * n}) {{ b }} }}",
}
FIGURES = {
    "".join(part.title() if at else part for at, part in enumerate(it.name.split("_"))): getattr(
        LIMITS, it.name
    )
    for it in fields(ShapeLimits)
}


def _beyond(text: str, limits: ShapeLimits = LIMITS) -> dict[str, int]:
    """The limits that a document goes beyond, with what was found."""
    return {it.name: it.found for it in excesses(parse(text), limits)}


def test_every_limit_has_a_case() -> None:
    assert BUILDERS.keys() == FIGURES.keys()


@pytest.mark.parametrize("name", BUILDERS)
def test_a_document_at_a_limit_is_allowed(name: str) -> None:
    assert _beyond(BUILDERS[name](FIGURES[name])) == {}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_document_one_above_a_limit_is_refused_and_told_what_was_found(name: str) -> None:
    assert _beyond(BUILDERS[name](FIGURES[name] + 1)) == {name: FIGURES[name] + 1}


@pytest.mark.parametrize("name", BUILDERS)
def test_the_refusal_names_the_limit_and_comes_before_every_other_rule(name: str) -> None:
    documents = Documents(SCHEMA, limits=[shape_rule()], max_tokens=10_000)

    with pytest.raises(Refused) as refused:
        documents.load(BUILDERS[name](FIGURES[name] + 1))

    (error,) = refused.value.errors
    found, limit = FIGURES[name] + 1, FIGURES[name]
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "name": name, "limit": limit, "found": found}
    assert f"has {found:,} " in str(error["message"])
    assert str(error["message"]).endswith(f"; the limit is {limit:,}.")


def test_all_limits_that_are_exceeded_are_told_at_once() -> None:
    text = "{ " + " ".join(f"b{i}: b" for i in range(31)) + " }"

    assert _beyond(text) == {"rootFields": 31, "aliases": 31}


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        (_in_fragments("b0: b", 31), {"rootFields": 31, "aliases": 31}),
        (_in_fragments("a { " * 15 + "b" + " }" * 15, 2), {"depth": 16}),
        ("{ a { ...f } } fragment f on Query { " + "a { " * 14 + "b" + " }" * 15, {"depth": 16}),
        ("{ ... { ... @d(x: [[[[[[[[[[[1]]]]]]]]]]]) { b } } }", {"literalDepth": 11}),
        ("query Q($v: [Int] = [[[[[[[[[[[1]]]]]]]]]]]) { b }", {"literalDepth": 11}),
        ("query Q($v: Int @d @d @d @d @d @d) { b }", {"directivesPerPlace": 6}),
        ("query Q @d @d @d @d @d @d { b }", {"directivesPerPlace": 6}),
        ("{ ...f @d @d @d @d @d @d } fragment f on Query { b }", {"directivesPerPlace": 6}),
        ("{ b } fragment f on Query @d @d @d @d @d @d { b }", {"directivesPerPlace": 6}),
        ("{ a { " + " ".join(["b"] * 46) + " } }", {"merges": 46 * 45 // 2}),
        ("{ " + "a { a { b } } " * 20 + "}", {}),
        ("{ a { " + "a { a { b } } " * 27 + "} }", {"merges": 3 * 27 * 26 // 2}),
        ("{ b } fragment f on Query { " + "a { " * 15 + "b" + " }" * 16, {"depth": 16}),
        ("{ b } fragment f on Query { a { " + " ".join(["b"] * 46) + " } }", {"merges": 46 * 45 // 2}),
    ],
)
def test_what_is_hidden_in_fragments_values_and_directives_counts(text: str, limits: dict[str, int]) -> None:
    assert _beyond(text) == limits


def test_root_fields_of_a_fragment_that_is_spread_below_are_none() -> None:
    text = "{ a { ...f } } fragment f on Query { " + " ".join(f"b{i}" for i in range(30)) + " }"

    assert _beyond(text) == {}


@pytest.mark.parametrize("depth", [10, 49])
def test_a_fragment_bomb_is_counted_without_being_unfolded(depth: int) -> None:
    links = "".join(f" fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(depth))
    bomb = parse(f"{{ a {{ ...f0 }} }}{links} fragment f{depth} on Query {{ b }}")

    measured = Measured(bomb, max_fragments=LIMITS.fragments)

    assert measured.fields == min(1 + 2**depth, CEILING)
    assert [it.name for it in excesses(bomb, LIMITS)] == ["fields"]


@pytest.mark.parametrize(
    "text",
    [
        "{ nothing { at { all } } }",
        "{ ...missing }",
        "{ ...f } fragment f on Nowhere { ...missing b }",
        "fragment f on Query { b }",
        "type T { a: Int } { b }",
        "{ ...f } fragment f on Query { b } fragment f on Query { a { b } }",
    ],
)
def test_what_is_wrong_otherwise_is_left_to_the_other_rules(text: str) -> None:
    assert _beyond(text) == {}


@pytest.mark.parametrize(
    "text",
    [
        "{ ...f } fragment f on Query { ...f }",
        "{ ...f } fragment f on Query { a { ...g } } fragment g on Query { ...f }",
        "{ b } fragment f on Query { ...g } fragment g on Query { ...f b }",
        "{ ...f } fragment f on Query { ...g ...g } fragment g on Query { ...f ...f b }",
    ],
)
def test_a_cycle_of_fragments_ends_the_measuring(text: str) -> None:
    assert "fragmentCycles" in _beyond(text)


@given(documents())
def test_every_measure_is_what_unfolding_all_fragments_finds(text: str) -> None:
    measured = Measured(parse(text), max_fragments=LIMITS.fragments)
    unfolded = Measured(parse(_unfolded(text)), max_fragments=0)

    assert (measured.fields, measured.depth, measured.aliases, measured.root_fields) == (
        unfolded.fields,
        unfolded.depth,
        unfolded.aliases,
        unfolded.root_fields,
    )
    assert measured.merges() == unfolded.merges()


FRAGMENTS = ["f0", "f1", "f2", "f3", "missing"]
tangled = st.lists(
    st.tuples(
        st.sampled_from(FRAGMENTS[:4]),
        st.lists(
            st.sampled_from(["b", "a { b }", *(f"...{it}" for it in FRAGMENTS)]), min_size=1, max_size=4
        ),
    ),
    max_size=6,
)


@given(tangled)
def test_fragments_may_be_tangled_missing_and_defined_twice(definitions: list[tuple[str, list[str]]]) -> None:
    written = " ".join(f"fragment {name} on Query {{ {' '.join(it)} }}" for name, it in definitions)
    text = f"{{ a {{ ...f0 ...f1 }} }} {written}"

    beyond = _beyond(text)
    refused = [it.message for it in validate(SCHEMA, parse(text), specified_rules)]

    assert ("fragmentCycles" in beyond) == any("within itself" in it for it in refused) or len(
        {name for name, _ in definitions}
    ) < len(definitions)


def _unfolded(text: str) -> str:
    """The operation with an inline fragment in place of every spread."""
    operation, *fragments = text.split("fragment ")
    while "...f" in operation:
        for fragment in fragments:
            name, _, inline = fragment.strip().partition(" ")
            operation = operation.replace(f"...{name} ", f"... {inline} ")
    return operation


def test_the_introspection_of_tools_is_within_the_limits() -> None:
    query = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )

    assert _beyond(query) == {}


@pytest.mark.parametrize(
    "text", ["{ __schema { types { name } } }", "{ a { ...f } } fragment f on Query { __type }"]
)
def test_introspection_can_be_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        Documents(SCHEMA, limits=[NoIntrospection]).load(text)

    assert refused.value.codes == {"INTROSPECTION_OFF"}


def test_typename_is_never_refused() -> None:
    document = Documents(SCHEMA, limits=[NoIntrospection]).load("{ __typename a { __typename } }")

    assert len(document.operations) == 1


@given(st.integers(2, 40))
def test_what_passes_is_not_slow_to_validate(times: int) -> None:
    """The specification's own rules are bounded by `merges`: no document makes them quadratic."""
    text = "{ a { " + " ".join(["a { b }"] * times) + " } }"
    beyond = _beyond(text)

    assert bool(beyond) == (times * (times - 1) > LIMITS.merges)
    assert beyond or validate(SCHEMA, parse(text), specified_rules) == []

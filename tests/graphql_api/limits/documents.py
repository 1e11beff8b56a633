"""Hypothesis strategies for documents, valid for a small schema of pages, lists and weights."""

from __future__ import annotations

from dataclasses import dataclass

from graphql import build_schema
from hypothesis import strategies as st

SCHEMA = build_schema(
    """
    type Query { item: Item items(first: Int, last: Int): ItemPage! list: [Item!]!
        found(first: Int): [Item!]! n: Int }
    type Mutation { change: Item log: Int }
    type ItemPage { nodes: [Item!]! edges: [ItemEdge!]! total: Int! }
    type ItemEdge { node: Item! at: Int }
    type Item implements Named { name: String! tags: [String!]! heavy: Int list: [Item!]!
        items(first: Int, last: Int): ItemPage! any: [Any!]! named: Named }
    type Other implements Named { name: String! n: Int }
    interface Named { name: String! }
    union Any = Item | Other
    """
)
LEAVES = {
    "Query": ["n", "__typename"],
    "Mutation": ["log", "__typename"],
    "ItemPage": ["total"],
    "ItemEdge": ["at"],
    "Item": ["name", "tags", "heavy", "__typename"],
    "Other": ["name", "n"],
    "Named": ["name"],
    "Any": ["__typename"],
}
BRANCHES = {
    "Query": {"item": "Item", "items": "ItemPage", "list": "Item", "found": "Item"},
    "Mutation": {"change": "Item"},
    "ItemPage": {"nodes": "Item", "edges": "ItemEdge"},
    "ItemEdge": {"node": "Item"},
    "Item": {"list": "Item", "items": "ItemPage", "any": "Any", "named": "Named"},
    "Other": {},
    "Named": {},
    "Any": {},
}
NARROWER = {"Named": ["Item", "Other"], "Any": ["Item", "Other"]}
VARIABLES = {"a": "Int", "b": "Int = 7", "c": "Int = null"}


@dataclass
class _Fragments:
    """What has been written so far; a fragment spreads only those that are written after it."""

    texts: list[str]


firsts = st.integers(0, 150).map(lambda it: f"first: {it}")
sizes = (
    st.sampled_from(["", "first: $a", "last: $b", "first: $c", "first: null"])
    | firsts
    | st.integers(0, 150).map(lambda it: f"last: {it}, first: $a")
)
PAGED = {"items": sizes, "found": st.sampled_from(["", "first: $b"]) | firsts}
"""Fields that take page sizes: of a connection, or of a list."""


@st.composite
def selections(draw: st.DrawFn, on: str, depth: int, fragments: _Fragments) -> str:
    parts = [
        draw(st.sampled_from(["", "", "x: "])) + leaf
        for leaf in draw(st.lists(st.sampled_from(LEAVES[on]), min_size=1, max_size=3))
    ]
    branches = list(BRANCHES[on].items())
    for name, inner in draw(st.lists(st.sampled_from(branches), max_size=2)) if branches and depth else ():
        given = draw(PAGED[name]) if name in PAGED else ""
        arguments = f"({given})" if given else ""
        parts.append(f"{name}{arguments} {draw(selections(inner, depth - 1, fragments))}")
    for kind in draw(st.lists(st.sampled_from(["inline", "spread"]), max_size=2)) if depth else ():
        to = draw(st.sampled_from(NARROWER.get(on, [on])))
        inside = draw(selections(to, depth - 1, fragments))
        if kind == "inline":
            parts.append(f"... on {to} {inside}")
            continue
        name = f"f{len(fragments.texts)}"
        fragments.texts.append(f"fragment {name} on {to} {inside}")
        parts += [f"...{name} "] * draw(st.integers(1, 2))
    return "{ " + " ".join(parts) + " }"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """One operation and its fragments, within the grammar of SCHEMA (fields may fail to merge)."""
    kind, on = draw(st.sampled_from([("query", "Query"), ("mutation", "Mutation")]))
    fragments = _Fragments([])
    body = draw(selections(on, 3, fragments))
    variables = ", ".join(f"${name}: {its_type}" for name, its_type in VARIABLES.items())
    return " ".join([f"{kind} Q({variables}) {body}", *fragments.texts])


variables = st.fixed_dictionaries({}, optional={name: st.none() | st.integers(-5, 200) for name in VARIABLES})
"""Values of the variables, each of which may be left out."""

"""Documents whose shape is the attack: small to send, dear to work on."""

from __future__ import annotations

from collections.abc import Mapping

LIMIT = frozenset({"LIMIT_EXCEEDED"})
TOKENS = frozenset({"SYNTAX_ERROR", "LIMIT_EXCEEDED", "TOO_LARGE"})
INVALID = frozenset({"VALIDATION_FAILED", "LIMIT_EXCEEDED"})


def many(count: int, piece: str) -> str:
    """The piece so many times, with its number in place of `#`."""
    return " ".join(piece.replace("#", str(number)) for number in range(count))


def nested(depth: int, before: str, inside: str = "id", after: str = " }") -> str:
    """The inside in so many layers."""
    return before * depth + inside + after * depth


_CYCLE = "project { sessions(first: 1) { nodes { "
_BOMB = (
    "query($id: ID!) { session(id: $id) { ...f0 } } "
    + many(20, "fragment f# on Session { a: project { ...g# } b: project { ...g# } }")
    + " "
    + " ".join(
        f"fragment g{n} on Project {{ sessions(first: 1) {{ nodes {{ {f'...f{n + 1}' if n < 19 else 'id'} }} }} }}"
        for n in range(20)
    )
)

SHAPES: Mapping[str, tuple[str, frozenset[str]]] = {
    "a thousand aliases of one field": ("{ " + many(1000, "a#: system { version }") + " }", TOKENS),
    "as many aliases as the tokens allow": ("{ " + many(600, "a#: __typename") + " }", LIMIT),
    "aliases inside an object": ("{ me { " + many(600, "a#: id") + " } }", LIMIT),
    "aliases spread over fragments": (
        "{ me { " + many(60, "...f#") + " } } " + many(60, "fragment f# on User { a#: id b#: id }"),
        LIMIT,
    ),
    "a thousand log-ins by aliases": (
        "mutation { " + many(1000, 'a#: logIn(input: {email: "a@b.c", password: "#"}) { __typename }') + " }",
        TOKENS,
    ),
    "a hundred log-ins by aliases": (
        "mutation { " + many(100, 'a#: logIn(input: {email: "a@b.c", password: "#"}) { __typename }') + " }",
        LIMIT,
    ),
    "nesting along a cycle of types": (
        "query($id: ID!) { session(id: $id) { " + nested(60, _CYCLE, after=" } } }") + " } }",
        LIMIT,
    ),
    "nesting hidden in fragments": (
        "query($id: ID!) { session(id: $id) { ...f0 } } "
        + many(30, "fragment f# on Session { project { sessions { nodes { ...g# } } } }")
        + " "
        + " ".join(f"fragment g{n} on Session {{ {f'...f{n + 1}' if n < 29 else 'id'} }}" for n in range(30)),
        LIMIT,
    ),
    "nesting deeper than a parser recurses": (nested(660, "{ a ", "", "}"), TOKENS | INVALID),
    "nesting of inline fragments": ("{ " + nested(400, "... { ", "__typename"), TOKENS | INVALID),
    "nesting that never ends": ("{ a " * 1900, TOKENS),
    "a list literal nested deeply": (
        "{ session(id: " + nested(950, "[", "1", "]") + ") { id } }",
        TOKENS | INVALID,
    ),
    "an object literal nested deeply": (
        "mutation { createProject(input: " + nested(450, "{ a: ", "1") + ") { __typename } }",
        TOKENS | INVALID,
    ),
    "a type nested deeply": (
        "query($v: " + nested(950, "[", "Int", "]") + ") { me { id } }",
        TOKENS | INVALID,
    ),
    "a fragment bomb": (_BOMB, LIMIT),
    "a fragment that contains itself": ("{ me { ...f } } fragment f on User { id ...f }", INVALID),
    "fragments in a circle": (
        "{ me { ...f0 } } "
        + " ".join(f"fragment f{n} on User {{ ...f{(n + 1) % 100} }}" for n in range(100)),
        INVALID,
    ),
    "fragments that spread one another": (
        "{ me { ...f0 } } " + " ".join(f"fragment f{n} on User {{ {many(20, '...f#')} }}" for n in range(20)),
        INVALID,
    ),
    "a flood of directives on one field": ("{ me { id" + " @include(if: true)" * 300 + " } }", INVALID),
    "a flood of directives on many fields": (
        "{ me { " + many(100, "id @skip(if: false) @include(if: true)") + " } }",
        LIMIT,
    ),
    "a flood of unknown directives": ("{ me { id" + " @a" * 900 + " } }", INVALID),
    "one field again and again": ("{ me { " + "id " * 1800 + "} }", LIMIT),
    "one object again and again": ("{ " + "me { id } " * 480 + "}", LIMIT),
    "one spread again and again": ("{ me { " + "...f " * 900 + "} } fragment f on User { id email }", LIMIT),
    "hundreds of operations": (many(300, "query A# { me { id } }"), TOKENS | LIMIT),
    "hundreds of variables": (
        "query(" + many(400, "$v#: Int") + ") { me { id } }",
        TOKENS | INVALID,
    ),
    "more characters than anyone types": ("{ me { id } }" + " " * 100_001, TOKENS),
    "more tokens than anyone types": ("{ me { " + "id " * 5_000 + "} }", TOKENS),
}
"""What each attack is, and the codes with which it may be refused."""

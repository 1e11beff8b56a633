"""Tokens are counted as the parser counts them."""

from __future__ import annotations

import pytest
from graphql import GraphQLSyntaxError, parse
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.transport.tokens import has_more_tokens

TEXTS = [
    "{ me }",
    'query Q($a: [Int!]! = [1, -2, 3.5e+7]) @d(on: true) { a: me(x: {y: "z"}) { ...f ... on T { id } } }',
    'query { me(x: "a \\" b \\\\", y: """ block "quoted" \\""" end """, z: "") }',
    "# a comment with { braces }\n{ me # another\n}",
    "{ me(x: $a, y: ENUM, z: null) @skip(if: false) }",
    "fragment f on T { id } subscription { s }",
]


@pytest.mark.parametrize("text", TEXTS)
def test_as_many_as_the_parser_finds(text: str) -> None:
    count = next(limit for limit in range(100) if not has_more_tokens(text, limit))

    parse(text, max_tokens=count)
    with pytest.raises(GraphQLSyntaxError, match="tokens"):
        parse(text, max_tokens=count - 1)


@given(
    st.lists(st.sampled_from(['"', '"""', "\\", "\n", "#", "a", " ", "{", "1.5", "...", "é"]), max_size=40)
)
def test_no_text_that_the_parser_takes_is_refused(pieces: list[str]) -> None:
    text = "{ me " + "".join(pieces) + " }"

    try:
        tokens = parse(text, max_tokens=10_000).token_count
    except GraphQLSyntaxError:
        return

    assert not has_more_tokens(text, tokens)


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text", ['"""' * 30_001, '"\\' * 50_000, '"a' * 50_001, "#" * 100_000, '""""' * 25_000]
)
def test_no_text_takes_long(text: str) -> None:
    assert has_more_tokens(text, 100_000) is False

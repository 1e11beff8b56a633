"""Documents: limits, the cache, and what a subscription may share."""

import pytest
from graphql import GraphQLError
from graphql.validation import ValidationRule

from graphql_api.transport.documents import Documents
from graphql_api.transport.errors import Refused
from tests.graphql_api.transport.toy import schema

SCHEMA = schema._schema


def refusal(documents: Documents, text: str) -> Refused:
    with pytest.raises(Refused) as refused:
        documents.load(text)
    return refused.value


def test_a_document_is_parsed_and_validated_once() -> None:
    documents = Documents(SCHEMA)

    first, again = documents.load("{ me }"), documents.load("{ me }")

    assert first is again
    assert (documents.counts.hits, documents.counts.misses) == (1, 1)


def test_the_least_recently_used_document_is_forgotten() -> None:
    documents = Documents(SCHEMA, capacity=2)
    first = documents.load("{ a: me }")
    documents.load("{ b: me }")

    documents.load("{ a: me }")
    documents.load("{ c: me }")

    assert documents.load("{ a: me }") is first
    assert documents.counts.evictions == 1


def test_the_cache_is_bounded_in_tokens_too() -> None:
    documents = Documents(SCHEMA, capacity_tokens=10)

    for name in "abcdef":
        documents.load(f"{{ {name}: me }}")

    assert documents.counts.evictions == 4


def test_a_forgotten_document_comes_back_under_another_id() -> None:
    documents = Documents(SCHEMA, capacity=1)

    ids = [documents.load(text).id for text in ("{ a: me }", "{ b: me }", "{ a: me }")]

    assert len(set(ids)) == 3


def test_what_is_refused_is_not_kept() -> None:
    documents = Documents(SCHEMA)

    for _ in range(2):
        refusal(documents, "{ nothing }")

    assert documents.counts.misses == 2


def test_long_documents_are_refused_before_parsing() -> None:
    it = refusal(Documents(SCHEMA, max_characters=10), "{ me }     ")

    assert (it.codes, it.status) == ({"TOO_LARGE"}, 413)
    assert it.errors[0]["extensions"] == {"code": "TOO_LARGE", "limit": 10}


def test_documents_of_many_tokens_are_refused() -> None:
    it = refusal(Documents(SCHEMA, max_tokens=5), "{ me me me me }")

    assert it.errors[0]["message"] == "The document has more than 5 tokens, which is the limit."
    assert it.errors[0]["extensions"] == {"code": "LIMIT_EXCEEDED", "name": "tokens", "limit": 5, "found": 6}


def test_comments_count_as_tokens() -> None:
    assert refusal(Documents(SCHEMA, max_tokens=50), "{ me }" + "#\n" * 100).codes == {"LIMIT_EXCEEDED"}


def test_limits_come_before_the_rules_of_the_specification() -> None:
    class NoNames(ValidationRule):
        def enter_name(self, node: object, *_: object) -> None:
            self.report_error(GraphQLError("No names."))

    it = refusal(Documents(SCHEMA, limits=[NoNames]), "{ nothing }")

    assert it.codes == {"LIMIT_EXCEEDED"}
    assert [error["message"] for error in it.errors] == ["No names."]


def test_suggestions_can_be_hidden() -> None:
    shown = refusal(Documents(SCHEMA), "{ ech }").errors[0]["message"]
    hidden = refusal(Documents(SCHEMA, hide_suggestions=True), "{ ech }").errors[0]["message"]

    assert "Did you mean" in str(shown)
    assert "Did you mean" not in str(hidden)


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ("subscription($a: Int) { lines(after: $a) { text } }", "a"),
        ("subscription($a: Int = 1) { lines(after: $a) { text } }", "a"),
        ('subscription($a: Int!) { breaks(how: "bug", after: $a) }', "a"),
        ("subscription($a: Boolean!) { lines { text @skip(if: $a) } }", None),
        ("subscription { lines(after: 1) { text } }", None),
        ("subscription($a: Int) { ...f } fragment f on Subscription { lines(after: $a) { text } }", None),
        ("subscription A($a: Int!) { lines(after: $a) { text } } query B($a: Int!) { square(of: $a) }", None),
        ("query($a: Int!) { square(of: $a) }", None),
    ],
)
def test_only_a_variable_that_is_nothing_but_the_start_is_a_resume_variable(
    text: str, variable: str | None
) -> None:
    operations = Documents(SCHEMA).load(text).operations

    assert next(iter(operations.values())).resume_variable == variable

"""Choosing a media type, and reading what clients offer."""

import pytest

from graphql_api.transport.errors import Refused
from graphql_api.transport.negotiation import EVENT_STREAM, GRAPHQL_JSON, JSON, error_media_type, negotiate


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        (f"{GRAPHQL_JSON}, application/json;q=0.9", GRAPHQL_JSON),
        (f"application/json, {GRAPHQL_JSON}", JSON),
        (f"application/json; q=0.5, {GRAPHQL_JSON}; q=0.8", GRAPHQL_JSON),
        (f"*/*, {GRAPHQL_JSON}", GRAPHQL_JSON),
        ("text/html, */*;q=0.1", JSON),
        (EVENT_STREAM, EVENT_STREAM),
        (f"{EVENT_STREAM}, application/json;q=0.1", EVENT_STREAM),
        ("APPLICATION/JSON; Charset=utf-8", JSON),
        ("application/json;q=0.5;version=1", JSON),
    ],
)
def test_the_client_s_preference_is_followed(accept: str | None, chosen: str) -> None:
    assert negotiate(accept) == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "*/*;q=2", "application/json;q=x", ",", ";"]
)
def test_nothing_acceptable_is_refused(accept: str) -> None:
    with pytest.raises(Refused) as refusal:
        negotiate(accept)

    assert refusal.value.status == 406


def test_errors_are_json_whatever_is_accepted() -> None:
    assert error_media_type(None) == error_media_type("text/html") == JSON
    assert error_media_type(f"text/html, {GRAPHQL_JSON}") == GRAPHQL_JSON

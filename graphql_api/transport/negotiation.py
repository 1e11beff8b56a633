"""Choosing the media type of a response (GraphQL over HTTP; RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Iterator

from graphql_api.transport.errors import Code, refused

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"

_OFFERS = {
    GRAPHQL_JSON: GRAPHQL_JSON,
    JSON: JSON,
    EVENT_STREAM: EVENT_STREAM,
    "application/*": JSON,
    "*/*": JSON,
}


def negotiate(accept: str | None) -> str:
    """The media type that the client likes best; legacy JSON when it does not say.

    Among equals the more specific range wins, then the earlier one.

    Raises:
        Refused: nothing that is offered is accepted.
    """
    if accept is None or not accept.strip():
        return JSON
    ranges = [
        (quality, "*" not in media, _OFFERS[media]) for media, quality in _ranges(accept) if media in _OFFERS
    ]
    best = max(ranges, key=lambda it: it[:2], default=(0.0, False, JSON))
    if best[0] <= 0:
        message = f"Only {GRAPHQL_JSON}, {JSON} and {EVENT_STREAM} can be sent."
        raise refused(Code.NOT_ACCEPTABLE, message, status=406)
    return best[2]


def error_media_type(accept: str | None) -> str:
    """The media type of an error that is found before or while negotiating: always JSON."""
    return GRAPHQL_JSON if accept and GRAPHQL_JSON in accept.lower() else JSON


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next(
            (it.partition("=")[2] for it in parameters if it.partition("=")[0].strip() == "q"), "1"
        )
        yield media, _quality(quality.strip())


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0

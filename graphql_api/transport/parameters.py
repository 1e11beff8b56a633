"""The parameters of a GraphQL request, as JSON bodies, query strings and frames carry them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from graphql_api.transport.errors import Code, Refused, refused

_TEXTS = ("query", "operationName", "documentId")
_DOCUMENT_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)
"""As in GraphQL over HTTP, appendix A; the prefix may be left out, as Apollo's manifests do."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a client asks to be executed: a text, or else the id of a document, 64 hexadecimal digits."""

    query: str | None
    operation_name: str | None
    variables: Mapping[str, object]
    document_id: str | None = None


def parameters_of(body: object) -> Parameters:
    """Check the parameters of one request; unknown ones are ignored, as the specification demands.

    In place of `query` there may be `documentId`, or the hash in `extensions.persistedQuery` that
    Apollo's clients send.

    Raises:
        Refused: the body is not an object (a batch, for example) or a parameter has the wrong type.
    """
    if isinstance(body, list):
        raise _malformed("Batches are not accepted: send one operation in each request.")
    if not isinstance(body, dict):
        raise _malformed("The request must be a JSON object.")
    name = body.get("operationName")
    if name is not None and not isinstance(name, str):
        raise _malformed("The parameter 'operationName' must be a string.")
    if not isinstance(body.get("extensions"), dict | None):
        raise _malformed("The parameter 'extensions' must be an object.")
    variables = body.get("variables")
    if not isinstance(variables, dict | None):
        raise _malformed("The parameter 'variables' must be an object.")
    query, document_id = _document(body)
    return Parameters(query, name or None, variables or {}, document_id)


def _document(body: Mapping[str, object]) -> tuple[str | None, str | None]:
    """The text or the id, never both: a hash beside a text is not looked at, nothing is registered."""
    query, given = body.get("query"), body.get("documentId")
    if query is not None:
        if given is not None:
            raise _malformed("Send either 'query' or 'documentId'.")
        if not isinstance(query, str) or not query:
            raise _malformed("The parameter 'query' must be a string that is not empty.")
        return query, None
    if given is None and (given := _persisted_hash(body.get("extensions"))) is None:
        raise _malformed("The parameter 'query' must be a string that is not empty.")
    match = _DOCUMENT_ID.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise _malformed("A document's id is 'sha256:' and 64 hexadecimal digits.")
    return None, match[1].lower()


def _persisted_hash(extensions: object) -> object:
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    return persisted.get("sha256Hash") if isinstance(persisted, dict) else None


def parameters_of_json(body: bytes) -> Parameters:
    """Read a JSON body.

    Raises:
        Refused: it is not JSON in UTF-8, or not a GraphQL request.
    """
    return parameters_of(_decoded(body, "The body is not valid JSON."))


def parameters_of_url(query: Mapping[str, str]) -> Parameters:
    """Read a query string, in which `variables` and `extensions` are JSON texts.

    Raises:
        Refused: it is not a GraphQL request.
    """
    body: dict[str, object] = {name: query[name] for name in _TEXTS if name in query}
    for name in ("variables", "extensions"):
        if query.get(name):
            body[name] = _decoded(query[name], f"The parameter '{name}' is not valid JSON.")
    return parameters_of(body)


def _decoded(text: str | bytes, problem: str) -> object:
    try:
        return orjson.loads(text)
    except ValueError:
        raise _malformed(problem) from None


def _malformed(message: str) -> Refused:
    return refused(Code.BAD_REQUEST, message)

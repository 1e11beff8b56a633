"""The parameters of a GraphQL request, as JSON bodies, query strings and frames carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from graphql_api.transport.errors import Code, Refused, refused


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a client asks to be executed."""

    query: str
    operation_name: str | None
    variables: Mapping[str, object]


def parameters_of(body: object) -> Parameters:
    """Check the parameters of one request; unknown ones are ignored, as the specification demands.

    Stored documents come in here one day: `documentId` in place of `query`.

    Raises:
        Refused: the body is not an object (a batch, for example) or a parameter has the wrong type.
    """
    if isinstance(body, list):
        raise _malformed("Batches are not accepted: send one operation in each request.")
    if not isinstance(body, dict):
        raise _malformed("The request must be a JSON object.")
    query, name = body.get("query"), body.get("operationName")
    if not isinstance(query, str) or not query:
        raise _malformed("The parameter 'query' must be a string that is not empty.")
    if name is not None and not isinstance(name, str):
        raise _malformed("The parameter 'operationName' must be a string.")
    if not isinstance(body.get("extensions"), dict | None):
        raise _malformed("The parameter 'extensions' must be an object.")
    variables = body.get("variables")
    if not isinstance(variables, dict | None):
        raise _malformed("The parameter 'variables' must be an object.")
    return Parameters(query, name or None, variables or {})


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
    body: dict[str, object] = {name: query[name] for name in ("query", "operationName") if name in query}
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

"""Ariadne with its ASGI application, parsed and validated documents remembered by their text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from ariadne import ObjectType, QueryType, make_executable_schema
from ariadne.asgi import GraphQL
from ariadne.types import QueryValidator
from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, validate

from benchmarks.peers.data import given, serve

_DATA = given()
_BY_ID = {agent["id"]: agent for agent in _DATA.agents}
_query = QueryType()
_project = ObjectType("Project")


@_query.field("project")
async def _resolve_project(_: object, __: object, *, id: str) -> dict[str, object] | None:  # noqa: A002
    return {"id": id} if id == _DATA.project else None


@_query.field("agent")
async def _resolve_agent(_: object, __: object, *, id: str) -> dict[str, object] | None:  # noqa: A002
    return _BY_ID.get(id)


@_project.field("agents")
async def _resolve_agents(_: object, __: object, *, first: int = 50, after: str | None = None) -> object:  # noqa: ARG001
    return {"nodes": _DATA.agents[:first]}


class Cached:
    """Parses each text once and validates each document once."""

    def __init__(self) -> None:
        self._parsed = lru_cache(128)(parse)
        self._valid: dict[int, list[GraphQLError]] = {}

    def parsed(self, _: object, data: Mapping[str, Any]) -> DocumentNode:
        return self._parsed(data["query"])

    def validated(self, schema: GraphQLSchema, document: DocumentNode, **options: Any) -> list[GraphQLError]:
        """Errors by the identity of a document, all of which the parser's cache keeps."""
        if id(document) not in self._valid:
            self._valid[id(document)] = validate(schema, document, **options)
        return self._valid[id(document)]


if __name__ == "__main__":
    type_defs = (Path(__file__).parent / "schema.graphql").read_text()
    cached = Cached()
    serve(
        GraphQL(
            make_executable_schema(type_defs, _query, _project),
            query_parser=cached.parsed,
            query_validator=cast("QueryValidator", cached.validated),
            explorer=None,
        )
    )

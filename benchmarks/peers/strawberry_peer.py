"""Strawberry with its own parser and validation caches, its own ASGI application, and orjson."""

from __future__ import annotations

import orjson
import strawberry
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

from benchmarks.peers.data import given, serve

_DATA = given()


@strawberry.type
class Agent:
    id: strawberry.ID
    name: str
    handle: str
    role: str
    version: int
    is_active: bool


@strawberry.type
class AgentConnection:
    nodes: list[Agent]


def _agent(it: dict[str, object]) -> Agent:
    return Agent(**{"is_active" if name == "isActive" else name: value for name, value in it.items()})  # type: ignore[arg-type]  # as the schema says


_AGENTS = [_agent(it) for it in _DATA.agents]
_BY_ID = {agent.id: agent for agent in _AGENTS}


@strawberry.type
class Project:
    id: strawberry.ID

    @strawberry.field
    async def agents(
        self,
        first: int | None = None,
        after: str | None = None,  # noqa: ARG002
    ) -> AgentConnection:
        return AgentConnection(nodes=_AGENTS[: 50 if first is None else first])


@strawberry.type
class Query:
    @strawberry.field
    async def project(self, id: strawberry.ID) -> Project | None:  # noqa: A002 - the API's own name
        return Project(id=id) if id == _DATA.project else None

    @strawberry.field
    async def agent(self, id: strawberry.ID) -> Agent | None:  # noqa: A002 - the API's own name
        return _BY_ID.get(id)


class FastJson(GraphQL[None, None]):
    """The stock application, but for the encoder."""

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)


if __name__ == "__main__":
    schema = strawberry.Schema(
        Query, extensions=[lambda: ParserCache(maxsize=128), lambda: ValidationCache(maxsize=128)]
    )
    serve(FastJson(schema, graphql_ide=None))

"""The GraphQL schema as text: the file in the repository, and what the server shows."""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).parents[2] / "schema.graphql"
_HEAD = "# Written by `make schema` from graphql_api/schema; do not edit.\n\n"


def schema_text() -> str:
    """The schema of this code in GraphQL's own language."""
    from strawberry.printer import print_schema

    from graphql_api.schema import build_schema

    return f"{_HEAD}{print_schema(build_schema())}\n"

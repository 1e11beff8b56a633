"""The GraphQL schema: types that mirror the domain and resolvers of one line."""

from __future__ import annotations

from functools import cache

import strawberry
from strawberry.schema.config import StrawberryConfig


@cache
def build_schema() -> strawberry.Schema:
    """The whole schema, which never changes; imported and made only when it is asked for."""
    from graphql_api.schema.events import EVENT_TYPES
    from graphql_api.schema.roots import Mutation, Query, Subscription
    from graphql_api.schema.scalars import SCALARS

    return strawberry.Schema(
        Query,
        Mutation,
        Subscription,
        types=EVENT_TYPES,
        config=StrawberryConfig(scalar_map=SCALARS),
    )

"""Connections: pages of at most 100 rows, with nodes, edges and a total."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import strawberry

from domain.pages import Page

E = TypeVar("E")
T = TypeVar("T")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """What is on either side."""

    has_next_page: bool = strawberry.field(description="Whether there is more after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there is more before this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first row.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last row.")


@strawberry.type(description="A row and its cursor.")
class Edge(Generic[T]):
    """One row."""

    node: T = strawberry.field(description="The row.")
    cursor: str = strawberry.field(description="Its position, for `after` and `before`.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    """One page."""

    nodes: list[T] = strawberry.field(description="The rows.")
    edges: list[Edge[T]] = strawberry.field(description="The rows with their cursors.")
    page_info: PageInfo = strawberry.field(description="What is on either side.")
    total_count: int = strawberry.field(description="Rows in the whole list.")


def connection(page: Page[E], node: Callable[[E], T]) -> Connection[T]:
    """A page of entities as a page of GraphQL objects."""
    nodes = [node(entity) for entity in page.nodes]
    return Connection(
        nodes=nodes,
        edges=[Edge(node=n, cursor=c) for n, c in zip(nodes, page.positions, strict=True)],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.positions[0] if page.positions else None,
            end_cursor=page.positions[-1] if page.positions else None,
        ),
        total_count=page.total,
    )

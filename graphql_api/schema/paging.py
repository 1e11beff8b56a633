"""Connections: pages of at most 100 rows, with nodes, edges and a total."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, TypeVar

import strawberry

from domain.pages import Page

E = TypeVar("E")
T = TypeVar("T")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """What is on either side."""

    has_next_page: bool = strawberry.field(description="Whether there is more after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there is more before this page.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first row; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last row, for `after`; null on an empty page."
    )


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
    return _PageOf(page, [node(entity) for entity in page.nodes])


class _PageOf(Connection[T]):
    """A page of which only the rows are made at once; most readers select nothing else."""

    def __init__(self, page: Page[E], nodes: list[T]) -> None:
        self.nodes = nodes
        self.total_count = page.total
        self._page: Page[Any] = page

    @cached_property
    def edges(self) -> list[Edge[T]]:  # type: ignore[override]  # it is read like the attribute that it stands for
        """Each row with its position."""
        return [Edge(node=n, cursor=c) for n, c in zip(self.nodes, self._page.positions, strict=True)]

    @cached_property
    def page_info(self) -> PageInfo:  # type: ignore[override]
        """Where the page lies."""
        positions = self._page.positions
        return PageInfo(
            has_next_page=self._page.has_next,
            has_previous_page=self._page.has_previous,
            start_cursor=positions[0] if positions else None,
            end_cursor=positions[-1] if positions else None,
        )

"""Bounded places for what lasts, such as subscriptions, counted by who takes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from graphql_api.transport.errors import Code, refused


class Seats:
    """At most `limit` at once for each taker; `of` says in words what is counted."""

    def __init__(self, limit: int, *, of: str) -> None:
        self._limit = limit
        self._of = of
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, who: str) -> Iterator[None]:
        """Take a place until the end of the block.

        Raises:
            Refused: all of one's places are taken (429).
        """
        if self._taken[who] >= self._limit:
            message = f"At most {self._limit:,} {self._of}."
            raise refused(Code.LIMIT_EXCEEDED, message, status=429, limit=self._limit)
        self._taken[who] += 1
        try:
            yield
        finally:
            self._taken[who] -= 1
            if not self._taken[who]:
                del self._taken[who]

"""The connection to Redis: short waits, one retry, and no second wait while the store is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar, cast

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

T = TypeVar("T")
Observe = Callable[[str, float, bool], None]
"""Told of every call: the operation's name, seconds, and whether Redis answered."""

DEADLINE_S = 0.5
"""The longest that one call may take, connecting and the retry included."""
REST_S = 2.0
"""How long nobody asks a lost store; then a single call tries."""
MAX_CONNECTIONS = 16


class StoreLost(Exception):
    """Redis does not answer just now; whether the call had an effect is unknown."""


class Breaker:
    """Lets calls through while the store answers; after a failure one call for each rest.

    Args:
        monotonic_s: The clock, in seconds.
        rest_s: How long to let the store rest after a failure.
    """

    def __init__(self, *, monotonic_s: Callable[[], float], rest_s: float) -> None:
        self._now_s = monotonic_s
        self._rest_s = rest_s
        self._closed_again_at_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last call failed."""
        return self._closed_again_at_s is not None

    def admits(self) -> bool:
        """Whether a call may be tried; at most one is admitted in each rest."""
        if self._closed_again_at_s is None:
            return True
        if self._now_s() < self._closed_again_at_s:
            return False
        self._closed_again_at_s = self._now_s() + self._rest_s
        return True

    def failed(self) -> None:
        """Let the store rest."""
        if not self.is_open:
            logger.warning("redis: lost")
        self._closed_again_at_s = self._now_s() + self._rest_s

    def answered(self) -> None:
        """Let every call through."""
        if self.is_open:
            logger.warning("redis: back")
        self._closed_again_at_s = None


class RedisStore:
    """Calls to one Redis, each with a deadline.

    Args:
        client: Runs commands.
        listeners: Makes connections to listen on, which are never pooled.
        breaker: Decides whether to try.
        deadline_s: The longest that one call may take.
        observe: Told of every call that was tried.
    """

    def __init__(
        self,
        client: Redis,
        *,
        listeners: ConnectionPool,
        breaker: Breaker,
        deadline_s: float,
        observe: Observe,
    ) -> None:
        self.client = client
        self._listeners = listeners
        self.deadline_s = deadline_s
        self._breaker = breaker
        self._observe = observe

    async def ask(self, name: str, operation: Callable[[], Awaitable[T]]) -> T:
        """Run one operation under its name.

        Raises:
            StoreLost: no answer in time, an error instead of one, or no attempt because of earlier failures.
        """
        if not self._breaker.admits():
            raise StoreLost
        began_s = asyncio.get_running_loop().time()
        answered = False
        try:
            async with asyncio.timeout(self.deadline_s):
                answer = await operation()
            answered = True
        except (RedisError, OSError, TimeoutError) as problem:
            self._breaker.failed()
            logger.info("redis: %s failed with %s", name, type(problem).__name__)
            raise StoreLost from problem
        finally:
            self._observe(name, asyncio.get_running_loop().time() - began_s, answered)
        self._breaker.answered()
        return answer

    def new_connection(self) -> AbstractConnection:
        """A connection to listen on, not connected yet; its owner closes it."""
        made: object = self._listeners.make_connection()  # type: ignore[no-untyped-call]  # the library gives it no types
        return cast("AbstractConnection", made)

    async def answers(self) -> bool:
        """Whether Redis answers (for readiness)."""
        try:
            await self.ask("ping", self.client.ping)
        except StoreLost:
            return False
        return True


class StoredScript:
    """A Lua script that Redis keeps by its hash; sent again when Redis has forgotten it."""

    def __init__(self, store: RedisStore, name: str, source: str) -> None:
        self._store = store
        self._name = name
        self._script = store.client.register_script(source)

    async def run(self, keys: Sequence[str], *args: str | bytes | int) -> object:
        """Run the script; all keys must share one hash tag.

        Raises:
            StoreLost: no answer.
        """

        async def call() -> object:
            return cast("object", await self._script(keys=keys, args=args))

        return await self._store.ask(self._name, call)


@asynccontextmanager
async def open_store(
    url: str,
    *,
    monotonic_s: Callable[[], float],
    observe: Observe = lambda _name, _seconds, _answered: None,
    deadline_s: float = DEADLINE_S,
    rest_s: float = REST_S,
) -> AsyncIterator[RedisStore]:
    """A store for a `redis://` or `rediss://` URL; never waits for Redis, also not when it is down."""
    common = {"socket_connect_timeout": deadline_s, "socket_timeout": None, "protocol": 2}
    once_more = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    client = Redis.from_pool(
        BlockingConnectionPool.from_url(
            url, max_connections=MAX_CONNECTIONS, timeout=deadline_s, retry=once_more, **common
        )
    )
    listeners = ConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), **common)
    breaker = Breaker(monotonic_s=monotonic_s, rest_s=rest_s)
    try:
        yield RedisStore(client, listeners=listeners, breaker=breaker, deadline_s=deadline_s, observe=observe)
    finally:
        await client.aclose()

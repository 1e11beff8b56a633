"""Our backend of the broadcaster: Redis pub/sub that outlives its server and degrades to one process."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from contextlib import suppress

from broadcaster import BroadcastBackend, Event
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from persistence.channels import Arrivals
from persistence.redis.connection import RedisStore, StoreLost

logger = logging.getLogger(__name__)

MAX_EVENTS = 10_000
"""Messages between the socket and the broadcaster; beyond that the oldest are dropped."""
PING_S = 2.0
"""How often a silent connection is asked for a sign of life; it is given up after twice that."""
FIRST_DELAY_S = 0.05
LAST_DELAY_S = 2.0
_BATCH = 500


class RedisBackend(BroadcastBackend):
    """Pub/sub over one connection of its own, renewed for ever, with all channels subscribed again.

    Messages that are published while the connection is down are lost; readers go by sequence numbers.
    A message that can't be published reaches the subscribers in this process all the same.

    Args:
        store: Publishes, and makes the connection to listen on.
        ping_s: How often a silent connection is asked for a sign of life.
    """

    def __init__(self, store: RedisStore, *, ping_s: float = PING_S) -> None:
        self._store = store
        self._ping_s = ping_s
        self._wanted: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Event()
        self._events: Arrivals[Event] = Arrivals(bound=MAX_EVENTS)
        self._task: asyncio.Task[None] | None = None
        self._delay_s = FIRST_DELAY_S
        self._heard_at_s = 0.0
        self._ending = False

    async def connect(self) -> None:
        """Begin to listen; does not wait for Redis."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def disconnect(self) -> None:
        self._ending = True  # a connection that fails in this very moment would swallow the cancellation
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def subscribe(self, group: str) -> None:
        """Want a channel; never suspends, so that the broadcaster's books can't be caught half written."""
        self._wanted[group] = asyncio.Event()
        self._changed.set()

    async def unsubscribe(self, group: str) -> None:
        self._wanted.pop(group, None)
        self._changed.set()

    async def subscribed(self, channel: str) -> bool:
        """Wait until Redis has confirmed a wanted channel; False when it does not within the deadline."""
        confirmed = self._wanted.get(channel)
        if confirmed is None:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(self._store.deadline_s):
                await confirmed.wait()
        return confirmed.is_set()

    async def publish(self, channel: str, message: str) -> None:
        async def send() -> object:
            return await self._store.client.publish(channel, message)

        try:
            await self._store.ask("publish", send)
        except StoreLost:
            self.echo(channel, message)

    def echo(self, channel: str, message: str) -> None:
        """Deliver a message to this process only."""
        if channel in self._wanted:
            self._events.put(Event(channel, message))

    async def next_published(self) -> Event:
        return await anext(self._events)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen_once()
            except* (RedisError, OSError, TimeoutError) as problems:
                logger.info("redis: listening failed with %s", type(problems.exceptions[0]).__name__)
            except* Exception:  # the loop must outlive what nobody thought of, and say so
                logger.exception("redis: listening failed in a new way")
            if self._ending:
                return
            await asyncio.sleep(self._delay_s)
            self._delay_s = min(self._delay_s * 2, LAST_DELAY_S)

    async def _listen_once(self) -> None:
        """Listen on one connection until it fails."""
        for confirmed in self._wanted.values():
            confirmed.clear()
        connection = self._store.new_connection()
        try:
            async with asyncio.timeout(self._store.deadline_s):
                await connection.connect()  # type: ignore[no-untyped-call]  # the library gives it no types
            self._heard_at_s = _now_s()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(connection))
                tasks.create_task(self._talk(connection))
        finally:
            await connection.disconnect(nowait=True)

    async def _read(self, connection: AbstractConnection) -> None:
        while True:
            answer = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
            self._heard_at_s = _now_s()
            self._delay_s = FIRST_DELAY_S
            match answer:
                case [b"message", bytes() as channel, bytes() as message]:
                    self.echo(channel.decode(), message.decode(errors="replace"))
                case [b"subscribe", bytes() as channel, _]:
                    if (confirmed := self._wanted.get(channel.decode())) is not None:
                        confirmed.set()
                case _:
                    pass  # a sign of life

    async def _talk(self, connection: AbstractConnection) -> None:
        """Keep the subscriptions as they are wanted and ask for signs of life.

        It alone writes: the library's connection would renew itself unnoticed for a second writer.
        """
        subscribed: set[str] = set()
        next_ping_s = _now_s() + self._ping_s
        while True:
            wanted = set(self._wanted)
            for channels in _batches(subscribed - wanted):
                await connection.send_command("UNSUBSCRIBE", *channels, check_health=False)
            for channels in _batches(wanted - subscribed):
                await connection.send_command("SUBSCRIBE", *channels, check_health=False)
            subscribed = wanted
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_ping_s):
                    await self._changed.wait()
            self._changed.clear()
            if (now_s := _now_s()) >= next_ping_s:
                if now_s - self._heard_at_s > 2 * self._ping_s:
                    raise RedisConnectionError("no sign of life")
                await connection.send_command("PING", check_health=False)
                next_ping_s = now_s + self._ping_s


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _batches(channels: Iterable[str]) -> list[list[str]]:
    listed = list(channels)
    return [listed[start : start + _BATCH] for start in range(0, len(listed), _BATCH)]

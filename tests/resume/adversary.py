"""Says again, at random, what was ever published: late, doubled, out of order, on the same channels."""

from __future__ import annotations

import asyncio
from random import Random

from redis.asyncio import Redis
from redis.exceptions import RedisError

REMEMBERED = 3_000
PAUSE_S = 0.02


class Adversary:
    """Overhears every channel of a Redis and repeats it.

    Args:
        url: The Redis, without any proxy.
        random: Decides what is repeated when.
    """

    def __init__(self, url: str, *, random: Random) -> None:
        self.repeated = 0
        self._url = url
        self._random = random
        self._overheard: list[tuple[bytes, bytes]] = []

    async def haunt(self) -> None:
        """Overhear and repeat until cancelled; a Redis that is away is waited for."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again_and_again(self._overhear))
            tasks.create_task(self._again_and_again(self._repeat))

    async def _again_and_again(self, act: object) -> None:
        """Act on a client until cancelled.

        The client has no timeout of its own: it would send with `asyncio.wait_for`, which before Python 3.12
        swallows a cancellation that comes in the moment in which it is done.
        """
        assert callable(act)
        while True:
            try:
                async with Redis.from_url(self._url, socket_connect_timeout=1, socket_timeout=None) as client:
                    await act(client)
            except (RedisError, OSError):
                await asyncio.sleep(PAUSE_S)

    async def _overhear(self, client: Redis) -> None:
        async with client.pubsub() as channels:
            await channels.psubscribe("*")
            async for message in channels.listen():
                if message["type"] == "pmessage":
                    self._remember((message["channel"], message["data"]))

    def _remember(self, said: tuple[bytes, bytes]) -> None:
        if len(self._overheard) < REMEMBERED:
            self._overheard.append(said)
        else:
            self._overheard[self._random.randrange(REMEMBERED)] = said

    async def _repeat(self, client: Redis) -> None:
        while True:
            await asyncio.sleep(self._random.uniform(0.0, 2 * PAUSE_S))
            if self._overheard:
                await client.publish(*self._random.choice(self._overheard))
                self.repeated += 1

"""A person who does everything at once in one session: asks, stops, edits, retries, deletes, renames."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

import httpx

from tests.resume.api import Api
from tests.resume.truth import Truth

REMEMBERED = 12
"""How many of the latest questions are still touched."""
ACTIVE = 4
"""How many runs of the session may be active before it gets another."""
BEGINNINGS = 3
"""The first choices are those that begin a run."""


class Writer:
    """Makes traffic in one session until it is told to end.

    Args:
        api: The session's owner.
        servers: Where to send requests, each by its URL.
        truth: Tells how many runs are active.
        session_id: Where to write.
        random: Decides everything.
        pause_s: The mean time between two actions.
    """

    def __init__(
        self,
        api: Api,
        servers: list[str],
        truth: Truth,
        session_id: str,
        *,
        random: Random,
        pause_s: float,
    ) -> None:
        self._api = api
        self._servers = servers
        self._truth = truth
        self._session_id = session_id
        self._random = random
        self._pause_s = pause_s
        self._sent: list[tuple[str, str]] = []
        self._choices: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (8, self._ask),
            (3, self._edit),
            (3, self._retry),
            (4, self._stop),
            (2, self._rename),
            (1, self._delete),
        ]

    async def write(self, until: asyncio.Event) -> None:
        """Act until the event is set."""
        while not until.is_set():
            busy = await self._truth.active_runs(self._session_id) >= ACTIVE
            possible = self._choices[BEGINNINGS:] if busy else self._choices
            actions, weights = [action for _, action in possible], [weight for weight, _ in possible]
            with suppress(httpx.TransportError):  # a server was killed: whether it acted, the log says
                await self._random.choices(actions, weights)[0]()
            await asyncio.sleep(self._random.expovariate(1 / self._pause_s))

    @property
    def _server(self) -> str:
        return self._random.choice(self._servers)

    @property
    def _text(self) -> str:
        words = self._random.choice((1, 20, 60, 60, 60))
        return f"repeat {words} words" if words > 1 else "what is 2+2"

    def _one(self) -> tuple[str, str] | None:
        return self._random.choice(self._sent) if self._sent else None

    def _remember(self, sent: tuple[str, str] | None) -> None:
        if sent is not None:
            self._sent = [*self._sent, sent][-REMEMBERED:]

    async def _ask(self) -> None:
        handle = self._random.choice(self._api.handles)
        self._remember(await self._api.send(self._server, self._session_id, f"@{handle} {self._text}"))

    async def _stop(self) -> None:
        if self._sent:
            await self._api.stop(self._server, self._sent[-1][1])

    async def _edit(self) -> None:
        if (sent := self._one()) is not None:
            handle = self._random.choice(self._api.handles)
            self._remember(await self._api.edit(self._server, sent[0], f"@{handle} {self._text}"))

    async def _retry(self) -> None:
        if (sent := self._one()) is not None:
            self._remember(await self._api.retry(self._server, sent[1]))

    async def _rename(self) -> None:
        await self._api.rename(self._server, self._session_id, f"Chat {self._random.random():.6f}")

    async def _delete(self) -> None:
        if len(self._sent) == REMEMBERED:
            await self._api.delete(self._server, self._sent.pop(self._random.randrange(REMEMBERED))[0])

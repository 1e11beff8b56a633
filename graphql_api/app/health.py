"""Whether the process lives, and whether it should be sent requests."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

LIVE_PATH = "/healthz"
READY_PATH = "/readyz"
PROBE_PATHS = (LIVE_PATH, READY_PATH)
"""Asked for by addresses that no list of hosts knows; they tell nothing about anyone."""
TIMEOUT_S = 2.0
CACHE_S = 1.0
_NO_STORE = {"Cache-Control": "no-store"}


class State(StrEnum):
    """How the whole stands; DEGRADED is ready, with something optional lost."""

    READY = "ready"
    DEGRADED = "degraded"
    NOT_READY = "not ready"


class PartState(StrEnum):
    """How one part stands."""

    OK = "ok"
    LOST = "lost"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Part:
    """Something that the server depends on.

    `check` returns when the part works and raises (or returns False) when it does not. Without a
    required part the server is not ready; without any other it is degraded.
    """

    check: Callable[[], Awaitable[bool | None]]
    required: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """What a probe is told."""

    state: State
    parts: Mapping[str, str]


class Health:
    """Answers probes; the parts are asked at most once a second, however many probes there are.

    Args:
        parts: What to ask, by name.
        monotonic: The clock, in seconds.
        timeout_s: The longest that a part may take to answer.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        *,
        monotonic: Callable[[], float],
        timeout_s: float = TIMEOUT_S,
        cache_s: float = CACHE_S,
    ) -> None:
        self._parts = dict(parts)
        self._monotonic = monotonic
        self._timeout_s = timeout_s
        self._cache_s = cache_s
        self._lock = asyncio.Lock()
        self._known: dict[str, PartState] = {}
        self._fresh_until = -math.inf
        self._draining = False
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("codelab.health")

    @property
    def routes(self) -> list[Route]:
        """Where the probes are served."""
        return [Route(LIVE_PATH, self._live), Route(READY_PATH, self._ready)]

    def drain(self) -> None:
        """From now on the server is not ready: no new requests should be sent here."""
        self._draining = True

    async def report(self) -> Report:
        """How every part stands."""
        async with self._lock:
            if self._monotonic() >= self._fresh_until:
                await self._ask_all()
        parts: dict[str, str] = dict(self._known)
        if self._draining:
            return Report(State.NOT_READY, {**parts, "server": "stopping"})
        return Report(self._state(), parts)

    def _state(self) -> State:
        lost = [self._parts[name] for name, state in self._known.items() if state is not PartState.OK]
        if any(part.required for part in lost):
            return State.NOT_READY
        return State.DEGRADED if lost else State.READY

    async def _ask_all(self) -> None:
        names = list(self._parts)
        states = await asyncio.gather(*(self._ask(self._parts[name]) for name in names))
        self._tell_changes(dict(zip(names, states, strict=True)))
        self._known = dict(zip(names, states, strict=True))
        self._fresh_until = self._monotonic() + self._cache_s

    async def _ask(self, part: Part) -> PartState:
        try:
            async with asyncio.timeout(self._timeout_s):
                return PartState.LOST if await part.check() is False else PartState.OK
        except TimeoutError:
            return PartState.SLOW
        except Exception:  # noqa: BLE001 whatever a part raises, the answer to the probe is that it is lost
            return PartState.LOST

    def _tell_changes(self, states: Mapping[str, PartState]) -> None:
        for name, state in states.items():
            if state is not self._known.get(name, PartState.OK):
                self._log.warning("a part changed", part=name, state=state)

    async def _live(self, _: Request) -> JSONResponse:
        return JSONResponse({"status": "live"}, headers=_NO_STORE)

    async def _ready(self, _: Request) -> JSONResponse:
        report = await self.report()
        status = 503 if report.state is State.NOT_READY else 200
        body = {"status": report.state, "parts": dict(report.parts)}
        return JSONResponse(body, status, headers=_NO_STORE)

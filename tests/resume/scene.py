"""The whole scene of a resume test: writers and wanderers on some servers, and the comparison at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Protocol

import httpx

from tests.resume.api import Api
from tests.resume.traffic import Writer
from tests.resume.truth import Truth
from tests.resume.wanderer import Figures, Wanderer

QUIET_S = 60.0
"""How long the runs that are left may take to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much happens: `points` disconnect points at least, in `seconds` at most."""

    points: int
    seconds: float
    sessions: int = 4
    wanderers: int = 4
    pause_s: float = 0.35


class Chaos(Protocol):
    """What goes wrong beside the readers."""

    @property
    def has_done_its_worst(self) -> bool:
        """Whether everything that must go wrong once has done so."""

    async def reign(self) -> None:
        """Let things go wrong until cancelled."""


@asynccontextmanager
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client without bounds of its own on connections."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    async with httpx.AsyncClient(timeout=30, limits=limits, trust_env=False) as http:
        yield http


async def play(
    servers: list[str],
    truth: Truth,
    figures: Figures,
    *,
    scale: Scale,
    seed: int,
    lossless: bool,
    chaos: Chaos | None = None,
) -> None:
    """Let writers write and wanderers wander, then hold everything that was read against the truth.

    The figures count along. `chaos` goes on beside them until enough has happened.

    Raises:
        AssertionError: a reader has missed, doubled, mixed up or invented something.
    """
    random = Random(seed)
    async with browser() as http:
        api = await Api.registered(http, servers[0])
        sessions = [await api.session(servers[0]) for _ in range(scale.sessions)]
        writers = [
            Writer(api, servers, truth, session, random=Random(random.random()), pause_s=scale.pause_s)
            for session in sessions
        ]
        wanderers = [
            Wanderer(
                http,
                servers,
                token=api.token,
                session_id=session,
                lossless=lossless,
                random=Random(random.random()),
                figures=figures,
            )
            for session in sessions
            for _ in range(scale.wanderers)
        ]
        await _act(writers, wanderers, figures, scale, chaos)
        await _until_quiet(truth, sessions)
        await _compare(truth, sessions, wanderers, figures)


async def _act(
    writers: list[Writer],
    wanderers: list[Wanderer],
    figures: Figures,
    scale: Scale,
    chaos: Chaos | None,
) -> None:
    written, wandered = asyncio.Event(), asyncio.Event()
    deadline = time.monotonic() + scale.seconds
    async with asyncio.TaskGroup() as tasks:
        disturbing = tasks.create_task(chaos.reign()) if chaos else None
        for writer in writers:
            tasks.create_task(writer.write(written))
        for wanderer in wanderers:
            tasks.create_task(wanderer.wander(wandered))
        while _is_to_go_on(figures, scale, chaos) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        written.set()
        wandered.set()
        if disturbing is not None:
            disturbing.cancel()


def _is_to_go_on(figures: Figures, scale: Scale, chaos: Chaos | None) -> bool:
    return figures.left < scale.points or not (chaos is None or chaos.has_done_its_worst)


async def _until_quiet(truth: Truth, sessions: list[str]) -> None:
    async with asyncio.timeout(QUIET_S):
        for session in sessions:
            while await truth.active_runs(session):
                await asyncio.sleep(0.1)


async def _compare(truth: Truth, sessions: list[str], wanderers: list[Wanderer], figures: Figures) -> None:
    logs = {session: await truth.events(session) for session in sessions}
    texts = {session: await truth.texts(session) for session in sessions}
    for session, log in logs.items():
        figures.heads[session] = len(log)
    last = await asyncio.gather(*(wanderer.finish() for wanderer in wanderers))
    for wanderer in wanderers:
        for reader in wanderer.readers:
            session = reader.session_id
            reader.verify(logs[session], texts[session], whole=reader in last)

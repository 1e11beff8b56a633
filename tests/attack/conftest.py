"""The server under attack, and what must hold after each attempt."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.attack.siblings import Sibling
from tests.attack.target import SETTINGS, Target
from tests.processes import CodelabProcess
from tests.resume.api import Api
from tests.resume.scene import browser
from tests.soak import SOAK

GROWTH_BYTES = 48 * 1024 * 1024
"""What the server's memory may have grown by after an attack: caches that fill, and the allocator's slack."""

ERROR = re.compile(r"^\S+ (?:error|critical) .*$", re.MULTILINE)
"""A line of the log that somebody would be woken for."""


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether there is time."""
    return SOAK


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client without bounds of its own."""
    async with browser() as it:
        yield it


@pytest.fixture(scope="session")
async def attacked(
    tmp_path_factory: pytest.TempPathFactory, http: httpx.AsyncClient
) -> AsyncIterator[tuple[Target, Sibling]]:
    """A server, an attacker and an honest person on it, for all attacks."""
    async with CodelabProcess(tmp_path_factory.mktemp("attacked"), settings=SETTINGS) as server:
        attacker, honest = [await Api.registered(http, server.url) for _ in range(2)]
        target = Target(server, http, attacker, await attacker.session(server.url))
        sibling = Sibling(server, honest, await honest.session(server.url))
        async with sibling.at_work():  # whatever is loaded when it is first used is loaded now
            await target.ask("{ me { id } }")
        yield target, sibling


@pytest.fixture
async def target(attacked: tuple[Target, Sibling]) -> AsyncIterator[Target]:
    """The server, with an honest person at work meanwhile; afterwards it must be as it was before."""
    target, sibling = attacked
    printed, memory, failures = len(target.server.output()), target.rss_bytes, await target.failures()

    async with sibling.at_work():
        yield target

    said = target.server.output()[printed:]
    assert target.server.process.running
    assert "Traceback" not in said, said[-4000:]
    assert not ERROR.findall(said), said[-4000:]
    assert await target.failures() == failures
    assert target.rss_bytes - memory < GROWTH_BYTES

"""Fixtures of the transports' tests."""

from collections.abc import AsyncIterator, Iterator, MutableMapping

import pytest
from structlog.testing import capture_logs

from tests.graphql_api.transport.serving import Served, Server, serving, toy_transports
from tests.graphql_api.transport.toy import World


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[Server]:
    """One real server, which serves the world of the test that is running."""
    async with Server().running() as it:
        yield it


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, object]]]:
    """What was logged."""
    with capture_logs() as it:
        yield it


@pytest.fixture
def world() -> World:
    """A fresh toy world."""
    return World()


@pytest.fixture
def bounds() -> dict[str, float]:
    """Bounds other than the defaults; tests override it by a parameter of the same name."""
    return {}


@pytest.fixture
async def served(server: Server, world: World, bounds: dict[str, float]) -> AsyncIterator[Served]:
    """The toy world behind the server; afterwards nothing of it may be left open."""
    async with serving(server, world, toy_transports(world, **bounds)) as it:
        yield it

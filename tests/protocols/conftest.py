"""Fixtures of the protocol matrices: the toy server, and a Node process with the npm clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.graphql_api.transport.conftest import bounds, logs, served, server, world
from tests.graphql_api.transport.serving import Served
from tests.protocols.npm import Npm, NpmClient, npm_clients

__all__ = ["bounds", "logs", "served", "server", "world"]

Open = Callable[..., Awaitable[NpmClient]]


@pytest.fixture(scope="session")
async def node() -> AsyncIterator[Npm]:
    """One Node process for all tests."""
    async with npm_clients() as it:
        yield it


@pytest.fixture
async def npm(node: Npm) -> AsyncIterator[Npm]:
    """The npm clients; all of a test's end with it."""
    yield node
    await node.clear()


@pytest.fixture
def opened(served: Served, npm: Npm) -> Open:
    """Opens a client of the toy server."""

    async def opened(transport: str, **options: object) -> NpmClient:
        return await npm.open(transport, served.url, **options)  # type: ignore[arg-type]  # the token is a text

    return opened

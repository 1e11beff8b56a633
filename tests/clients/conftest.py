"""A live server for the clients, one user of it, and a session to talk in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from codelab_client import Client, Session, Tokens
from tests.clients.servers import PASSWORD, SECRETS, client_of
from tests.processes import CodelabProcess


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CodelabProcess]:
    """Give one server to all tests that leave it alive."""
    settings = {"CODELAB_RATE_LIMIT_PER_MINUTE": "100000", "CODELAB_SECRET_KEYS": SECRETS}
    async with CodelabProcess(tmp_path_factory.mktemp("clients"), settings=settings) as process:
        yield process


@pytest.fixture(scope="session")
async def tokens(server: CodelabProcess) -> Tokens:
    """Sign one user up for all tests; the tokens are not renewed."""
    async with client_of(server.url) as client:
        await client.register("ada@example.com", PASSWORD)
        assert client.tokens is not None
        return Tokens(client.tokens.access_token)


@pytest.fixture
async def client(server: CodelabProcess, tokens: Tokens) -> AsyncIterator[Client]:
    """Give a client that is signed in."""
    async with client_of(server.url, tokens=tokens) as client:
        yield client


@pytest.fixture
async def session(client: Client) -> Session:
    """Open a session in the user's only project."""
    found = (await client.projects()).nodes
    project = found[0] if found else await client.create_project("First")
    return await client.create_session(project.id)

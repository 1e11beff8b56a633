"""Fixtures that every suite shares: real servers, started when the first test asks, and a clean environment."""

import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings

from tests.launchers.postgres import PostgresServer
from tests.launchers.redis import RedisServer, require_redis

# Test machines are shared: how long one example takes says nothing about its correctness.
settings.register_profile("codelab", deadline=None, print_blob=True)
settings.load_profile("codelab")

# A shell has what it starts in the background ignore Ctrl-C, and the servers under test would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark who asks for PostgreSQL; where it is a parameter that asks, the parameter has the mark."""
    for item in items:
        if isinstance(item, pytest.Function) and "postgres_server" in item.fixturenames:
            item.add_marker("postgres")


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """Hide the developer's own keys and databases: no test may spend money or touch real data."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("CODELAB_", "OPENAI_")) and not name.startswith("TESTS_REQUIRE_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
async def postgres_server() -> AsyncIterator[PostgresServer]:
    """Give one PostgreSQL to the whole session; tests take a database of their own from it."""
    async with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
async def redis_server() -> AsyncIterator[RedisServer]:
    """Give one Redis to the whole session; tests use keys or numbered databases of their own."""
    require_redis()
    async with RedisServer() as server:
        yield server

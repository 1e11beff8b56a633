"""Fixtures of the isolation suites: the two people's world, built once per database and copied for who changes it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from tests.graphql_api.transport.serving import Server
from tests.isolation.opening import App, Template, elsewhere, opened, postgres_world, sqlite_world
from tests.launchers.postgres import PostgresServer
from tests.persistence.databases import postgres_template, sqlite_template

__all__ = ["postgres_template", "sqlite_template"]

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the log of thousands of refusals to itself."""
    with capture_logs():
        yield


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody lets the index hear of anything, so that waiting for it is in vain."""
    monkeypatch.setattr("domain.memory.remember.INDEXED_WITHIN_S", 0)


@pytest.fixture(scope="session")
async def sockets() -> AsyncIterator[Server]:
    """One real server, which serves the application of the test that is running."""
    async with Server().running() as it:
        yield it


@pytest.fixture(scope="session")
async def sqlite_people(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Template:
    with capture_logs():
        return await sqlite_world(tmp_path_factory.mktemp("people"), sqlite_template)


@pytest.fixture(scope="session")
async def postgres_people(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer, postgres_template: str
) -> Template:
    with capture_logs():
        return await postgres_world(tmp_path_factory.mktemp("people"), postgres_server, postgres_template)


@pytest.fixture(scope="session")
async def sqlite_app(
    sqlite_people: Template, tmp_path_factory: pytest.TempPathFactory, sockets: Server
) -> AsyncIterator[App]:
    async with opened(sqlite_people, tmp_path_factory.mktemp("unchanged"), sockets) as it:
        yield it


@pytest.fixture(scope="session")
async def postgres_app(
    postgres_people: Template, tmp_path_factory: pytest.TempPathFactory, sockets: Server
) -> AsyncIterator[App]:
    async with opened(postgres_people, tmp_path_factory.mktemp("unchanged"), sockets) as it:
        yield it


@pytest.fixture(params=DATABASES)
def template(request: pytest.FixtureRequest) -> Template:
    """The world on each database."""
    return cast("Template", request.getfixturevalue(f"{request.param}_people"))


@pytest.fixture(params=DATABASES)
def app(request: pytest.FixtureRequest, sockets: Server) -> App:
    """The product on each database, in a world that no test changes."""
    return elsewhere(cast("App", request.getfixturevalue(f"{request.param}_app")), sockets)


@pytest.fixture
async def own_app(template: Template, tmp_path: Path, sockets: Server) -> AsyncIterator[App]:
    """The product on each database, in a world of the test's own."""
    async with opened(template, tmp_path, sockets) as it:
        yield elsewhere(it, sockets)

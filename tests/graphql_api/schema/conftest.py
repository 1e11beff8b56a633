"""Fixtures of the schema's tests: the whole application on each database."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from pydantic import SecretStr

from graphql_api.app.main import open_parts
from graphql_api.app.settings import Settings
from graphql_api.app.stores import DATABASE_FILE
from graphql_api.app.web import Web
from persistence.memory.index import PlainMemoryIndex
from tests.graphql_api.schema.api import Api
from tests.launchers.postgres import PostgresServer
from tests.persistence.databases import postgres_template, sqlite_template

__all__ = ["postgres_template", "sqlite_template"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def template(request: pytest.FixtureRequest) -> Path | tuple[PostgresServer, str]:
    """A migrated database to be copied: a file, or a server and its database."""
    if request.param == "sqlite":
        return cast("Path", request.getfixturevalue("sqlite_template"))
    return request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template")


@pytest.fixture
async def nobody(template: Path | tuple[PostgresServer, str], tmp_path: Path) -> AsyncIterator[Api]:
    """A client that is not signed in."""
    more: dict[str, Any] = {}
    if isinstance(template, Path):
        shutil.copy(template, tmp_path / DATABASE_FILE)
    else:
        server, name = template
        more["database_url"] = SecretStr(server.url(await server.create_database(template=name)))
    settings = Settings(data_dir=tmp_path, rate_limit_per_minute=100_000, offline_tokens_per_second=0, **more)
    async with open_parts(settings, memory_index=PlainMemoryIndex()) as parts:
        transport = httpx.ASGITransport(Web(parts).asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield Api(http, parts)


@pytest.fixture
async def api(nobody: Api) -> Api:
    """A client that is signed in."""
    return await nobody.signed_up("ada@example.com")

"""One process of the index for the whole session; every test has tenants of its own."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from qdrant_client import AsyncQdrantClient

from domain.memory.ports import IndexHit, IndexQuery, MemoryIndex, Space, Tenant
from persistence.memory.index import PlainMemoryIndex
from persistence.qdrant import edge as edge_shard
from persistence.qdrant.edge_index import EdgeMemoryIndex
from persistence.qdrant.process import IndexProcess
from persistence.qdrant.server_index import ServerMemoryIndex
from tests.persistence.qdrant.points import SPACE, a_tenant

PATIENT_S = 20.0
"""Test machines are shared: how long a search takes is not what most tests are about."""


SERVER = os.environ.get("QDRANT_URL")


def never() -> None:
    raise AssertionError("an isolation violation")


@asynccontextmanager
async def patient_index(folder: Path) -> AsyncIterator[EdgeMemoryIndex]:
    """The embedded index, in a process of its own, which is waited for."""
    async with IndexProcess(folder) as process:
        yield EdgeMemoryIndex(process, on_violation=never, search_s=PATIENT_S)


@pytest.fixture(scope="session")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MemoryIndex]:
    async with patient_index(tmp_path_factory.mktemp("index")) as index:
        await index.open(SPACE)
        yield index


@pytest.fixture(scope="session")
async def optimised(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MemoryIndex]:
    """The same as `edge`, while graphs are built again and again."""
    folder: Path = tmp_path_factory.mktemp("optimised")
    async with IndexProcess(with_small_graphs(folder)) as process:
        yield Optimising(process, on_violation=never, search_s=PATIENT_S)


class Optimising(EdgeMemoryIndex):
    """Begins to build graphs with every search."""

    async def search(self, space: Space, tenant: Tenant, query: IndexQuery) -> Sequence[IndexHit]:
        await self.optimise(space)
        return await super().search(space, tenant, query)


def with_small_graphs(folder: Path) -> Path:
    """A folder with a shard that builds graphs of a few points already."""
    edge_shard.create(folder / SPACE.name, dimension=SPACE.dimension, full_scan_kb=1)
    return folder


@pytest.fixture
async def plain() -> MemoryIndex:
    index = PlainMemoryIndex()
    await index.open(SPACE)
    return index


@pytest.fixture
async def local() -> AsyncIterator[MemoryIndex]:
    """The server's adapter on the client's own model of a server."""
    async with opened(AsyncQdrantClient(":memory:")) as index:
        yield index


@pytest.fixture
async def server() -> AsyncIterator[MemoryIndex]:
    async with opened(AsyncQdrantClient(url=SERVER, prefer_grpc=True)) as index:
        yield index


@asynccontextmanager
async def opened(client: AsyncQdrantClient) -> AsyncIterator[MemoryIndex]:
    index = ServerMemoryIndex(client, on_violation=never, search_s=PATIENT_S)
    await index.open(SPACE)
    try:
        yield index
    finally:
        await client.close()


@pytest.fixture(params=["edge", "optimised", "plain", "local", *(["server"] if SERVER else [])])
def index(request: pytest.FixtureRequest) -> MemoryIndex:
    found: MemoryIndex = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def tenant() -> Tenant:
    return a_tenant()

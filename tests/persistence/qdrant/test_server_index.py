"""What is asked of a Qdrant server: as it is described, never without the tenant, and only so long."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from qdrant_client import AsyncQdrantClient, models

from domain.memory.ports import IndexUnavailable, IsolationViolation, Tenant
from persistence.qdrant import plan, server
from persistence.qdrant.bm25 import Bm25
from persistence.qdrant.server_index import ServerMemoryIndex
from tests.persistence.qdrant.conftest import never
from tests.persistence.qdrant.openapi import Description
from tests.persistence.qdrant.points import SPACE, START, Chance, a_point, a_query, a_tenant, unit
from tests.soak import SOAK

DESCRIPTION = os.environ.get("TESTS_QDRANT_OPENAPI")
FUZZED = 20_000 if SOAK else 1_000
FOUND = UUID(int=7)
WORDS = Bm25()
described = pytest.mark.skipif(
    DESCRIPTION is None, reason="TESTS_QDRANT_OPENAPI names no copy of Qdrant's published description"
)


class Played:
    """A server that is played: it knows one point, and remembers what it was asked.

    Args:
        payload: What it says that it has stored with the point.
    """

    def __init__(self, payload: Mapping[str, object]) -> None:
        self.asked: list[httpx.Request] = []
        self.told = 0
        self._payload = payload
        self._client = AsyncQdrantClient(
            url="http://qdrant.test", check_compatibility=False, transport=httpx.MockTransport(self._answer)
        )
        self.index = ServerMemoryIndex(self._client, on_violation=self._tell)

    def _tell(self) -> None:
        self.told += 1

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        result = self._result(request.method, request.url.path.removeprefix(f"/collections/{SPACE.name}"))
        return httpx.Response(200, json={"result": result, "status": "ok", "time": 0.0})

    def _result(self, method: str, path: str) -> object:
        match method, path:
            case "GET", "/exists":
                return {"exists": False}
            case "PUT", "":
                return True
            case "POST", "/points/query/batch":
                searches = json.loads(self.asked[-1].content)["searches"]
                return [{"points": [{"id": str(FOUND), "version": 1, "score": 1.0}]} for _ in searches]
            case "POST", "/points/count":
                return {"count": 3}
            case "POST", "/points":
                return [{"id": str(FOUND), "payload": self._payload}]
            case _:
                return {"operation_id": 1, "status": "completed"}


def played(tenant: Tenant) -> Played:
    return Played(plan.payload(tenant, a_point(memory_id=FOUND)))


DEEDS: Mapping[str, Callable[[ServerMemoryIndex, Tenant], Awaitable[object]]] = {
    "open": lambda index, tenant: index.open(SPACE),
    "upsert": lambda index, tenant: index.upsert(
        SPACE, tenant, [a_point(session_id=uuid4(), window_text="tea", window=unit(1)), a_point()]
    ),
    "delete": lambda index, tenant: index.delete(SPACE, tenant, [uuid4(), uuid4()]),
    "drop": lambda index, tenant: index.drop(SPACE, tenant),
    "count": lambda index, tenant: index.count(SPACE, tenant),
    "count all": lambda index, tenant: index.count(SPACE),
    "alike": lambda index, tenant: index.alike(SPACE, tenant, unit(1), limit=5),
    "search": lambda index, tenant: index.search(SPACE, tenant, a_query()),
    "filtered search": lambda index, tenant: index.search(
        SPACE, tenant, a_query(session_id=uuid4(), success=False, since=START, until=START, exact=True)
    ),
}


@described
@pytest.mark.parametrize("deed", DEEDS)
async def test_every_request_is_as_the_server_describes_it(deed: str, tenant: Tenant) -> None:
    description = await asyncio.to_thread(Description, Path(DESCRIPTION or ""))
    qdrant = played(tenant)

    await DEEDS[deed](qdrant.index, tenant)

    assert [description.assert_allows(each) for each in qdrant.asked]


@described
async def test_a_request_that_is_not_as_described_is_noticed() -> None:
    description = await asyncio.to_thread(Description, Path(DESCRIPTION or ""))
    body = {"searches": [{"query": [1.0], "params": {"idf": {"corpsu": {}}}}]}
    request = httpx.Request("POST", "http://qdrant.test/collections/x/points/query/batch", json=body)

    with pytest.raises(AssertionError):
        description.assert_allows(request)


@pytest.mark.parametrize("deed", ["delete", "drop", "count", "alike", "search", "filtered search"])
async def test_every_filter_that_is_sent_holds_the_tenant(deed: str, tenant: Tenant) -> None:
    qdrant = played(tenant)

    await DEEDS[deed](qdrant.index, tenant)

    sent = json.loads(qdrant.asked[0].content)
    for part in sent.get("searches", [sent]):
        assert _scopes(part) == [tenant.key] * (2 if "indices" in str(part) else 1)


async def test_what_is_stored_replaces_only_what_is_the_tenants_and_earlier(tenant: Tenant) -> None:
    qdrant = played(tenant)

    await qdrant.index.upsert(SPACE, tenant, [a_point("a secret", version=4)])

    sent = json.loads(qdrant.asked[0].content)
    assert sent["update_filter"]["must"] == [
        {"key": "tenant", "match": {"value": tenant.key}},
        {"key": "version", "range": {"lt": 4}},
    ]
    assert b"secret" not in qdrant.asked[0].content


def test_no_query_of_many_is_without_the_tenant() -> None:
    chance = Chance(11)

    for _ in range(FUZZED):
        tenant = a_tenant()
        for ranking in plan.search(tenant, chance.query(), WORDS):
            sent = server.request(ranking).model_dump(exclude_none=True)
            assert _scopes(sent) == [tenant.key] * (1 if ranking.corpus is None else 2)


@pytest.mark.filterwarnings("ignore:.*[Ll]ocal.*:UserWarning")
@pytest.mark.parametrize("what", ["vectors_config", "sparse_vectors_config"])
async def test_a_collection_of_an_earlier_version_is_made_anew(tenant: Tenant, what: str) -> None:
    client = AsyncQdrantClient(":memory:")
    numbers = models.VectorParams(size=SPACE.dimension, distance=models.Distance.COSINE)
    earlier = {
        "vectors_config": dict.fromkeys(plan.DENSE, numbers),
        "sparse_vectors_config": {"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    }
    now = server.collection(dimension=SPACE.dimension)
    await client.create_collection(SPACE.name, **{**now, what: earlier[what]})
    index = ServerMemoryIndex(client, on_violation=never)

    assert not await index.has(SPACE)
    assert await index.open(SPACE) is False
    await index.upsert(SPACE, tenant, [a_point()])

    assert await index.open(SPACE) is True
    assert await index.count(SPACE, tenant) == 1
    await client.close()


async def test_what_belongs_to_somebody_else_is_not_returned(tenant: Tenant) -> None:
    qdrant = played(a_tenant())

    for deed in ("search", "alike"):
        with pytest.raises(IsolationViolation):
            await DEEDS[deed](qdrant.index, tenant)

    assert qdrant.told == 2


async def test_a_server_that_is_not_there_is_unavailable(tenant: Tenant) -> None:
    client = AsyncQdrantClient(url="http://127.0.0.1:9", check_compatibility=False)
    index = ServerMemoryIndex(client, on_violation=never)

    for deed in DEEDS.values():
        with pytest.raises(IndexUnavailable):
            await deed(index, tenant)

    await client.close()


async def test_a_server_that_says_nothing_is_not_waited_for(tenant: Tenant) -> None:
    async def silent(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("never")

    client = AsyncQdrantClient(
        url="http://qdrant.test", check_compatibility=False, transport=httpx.MockTransport(silent)
    )
    index = ServerMemoryIndex(client, on_violation=never, search_s=0.01, write_s=0.02)

    with pytest.raises(IndexUnavailable, match=r"within 0\.01 s"):
        await index.search(SPACE, tenant, a_query())
    with pytest.raises(IndexUnavailable, match=r"within 0\.02 s"):
        await index.upsert(SPACE, tenant, [a_point()])


def _scopes(sent: Mapping[str, Any]) -> list[str]:
    """The tenants that a request names: in its filter, and in the corpus of its words."""
    corpus = (sent.get("params") or {}).get("idf")
    filters = [sent["filter"], *([corpus["corpus"]] if corpus else [])]
    for each in filters:
        assert set(each) == {"must"}
    return [it["match"]["value"] for each in filters for it in each["must"] if it.get("key") == "tenant"]

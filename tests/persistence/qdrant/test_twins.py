"""The engines and their twin in memory, given the same: they answer alike."""

from dataclasses import replace

import pytest

from domain.memory.ports import MemoryIndex
from tests.persistence.qdrant.conftest import SERVER
from tests.persistence.qdrant.points import SPACE, Chance, a_tenant
from tests.soak import SOAK

WORLDS, QUERIES = (40, 60) if SOAK else (4, 25)


pytestmark = pytest.mark.filterwarnings("ignore:.*[Ll]ocal.*:UserWarning")


@pytest.fixture(params=["edge", "local", *(["server"] if SERVER else [])])
def engine(request: pytest.FixtureRequest) -> MemoryIndex:
    found: MemoryIndex = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_twins_find_the_same_in_the_same_order_with_the_same_scores(
    engine: MemoryIndex, plain: MemoryIndex, seed: int
) -> None:
    chance, tenants = Chance(seed), [a_tenant(), a_tenant()]
    for tenant in tenants:
        points = [chance.point() for _ in range(45)]
        for index in (engine, plain):
            await index.upsert(SPACE, tenant, points)
            await index.upsert(SPACE, tenant, [replace(each, version=2, text="tea") for each in points[:9]])
            await index.delete(SPACE, tenant, [each.memory_id for each in points[5:15]])

    for number in range(QUERIES):
        query, tenant = chance.query(exact=number % 2 == 0), tenants[number % 2]
        hits = await engine.search(SPACE, tenant, query)
        assert hits == await plain.search(SPACE, tenant, query)
        ours, theirs = [await each.alike(SPACE, tenant, query.dense, limit=50) for each in (engine, plain)]
        assert [each.memory_id for each in ours] == [each.memory_id for each in theirs]
        assert [each.cosine for each in ours] == pytest.approx([each.cosine for each in theirs], abs=1e-6)
        assert await engine.count(SPACE, tenant) == await plain.count(SPACE, tenant) == 35


async def test_twins_agree_on_more_than_is_looked_at(engine: MemoryIndex, plain: MemoryIndex) -> None:
    tenant = a_tenant()
    chance = Chance(99)
    points = [chance.point() for _ in range(400)]
    for index in (engine, plain):
        await index.upsert(SPACE, tenant, points)

    for _ in range(QUERIES):
        query = replace(chance.query(), text="piano coffee зима", limit=30)
        assert await engine.search(SPACE, tenant, query) == await plain.search(SPACE, tenant, query)
    assert await engine.count(SPACE, tenant) == 400

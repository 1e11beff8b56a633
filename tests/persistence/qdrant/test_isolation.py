"""Tenants and the real engine: nothing of others is found, nor shows in what is found."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.memory.ports import IndexHit, IndexQuery, IsolationViolation, Point, Tenant
from persistence.qdrant import edge, plan
from persistence.qdrant.bm25 import Bm25, Sparse
from persistence.qdrant.plan import Ranking, Where
from persistence.qdrant.shard import Shard
from tests.persistence.qdrant.points import SPACE, Chance, a_point, a_query, a_tenant, unit
from tests.persistence.qdrant.scoped import assert_scoped
from tests.soak import SOAK

EXECUTED = 2_000 if SOAK else 300
NEIGHBOURS = 100
WORDS = Bm25()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shards")


@pytest.fixture(scope="module")
def new_shard(folder: Path) -> Iterator[Callable[[], Shard]]:
    shards: list[Shard] = []

    def new() -> Shard:
        shards.append(Shard.create(folder / str(len(shards)), dimension=SPACE.dimension, words=WORDS))
        return shards[-1]

    yield new
    for shard in shards:
        shard.close()


@pytest.fixture(scope="module")
def shard(new_shard: Callable[[], Shard]) -> Shard:
    return new_shard()


def test_others_change_neither_results_nor_scores(new_shard: Callable[[], Shard]) -> None:
    alone, among_others = new_shard(), new_shard()
    chance, tenant = Chance(7), a_tenant()
    mine = [chance.point() for _ in range(60)]
    alone.upsert(tenant, mine)
    for number in range(NEIGHBOURS):
        among_others.upsert(a_tenant(), [chance.point() for _ in range(8)])
        if number % 20 == 0:
            among_others.upsert(tenant, mine[number * 12 // 20 : (number + 20) * 12 // 20])

    for _ in range(100):
        query = chance.query(exact=True)
        assert among_others.search(tenant, query) == alone.search(tenant, query)


def test_how_thoroughly_is_searched_goes_by_the_tenants_own_points(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, told = a_tenant(), list[int]()
    shard.upsert(tenant, [a_point(), a_point()])
    shard.upsert(a_tenant(), [a_point() for _ in range(30)])
    monkeypatch.setattr(plan, "effort", told.append)

    assert len(shard.search(tenant, a_query())) == 2
    assert told == [2]


def test_no_query_of_many_finds_what_is_of_others(shard: Shard) -> None:
    chance, tenants = Chance(9), [a_tenant() for _ in range(20)]
    own: dict[Tenant, set[UUID]] = {}
    for tenant in tenants:
        points = [chance.point() for _ in range(25)]
        own[tenant] = {each.memory_id for each in points}
        shard.upsert(tenant, points)
    shared = a_point()
    for tenant in tenants:
        shard.upsert(tenant, [replace(shared, version=tenants.index(tenant) + 1)])

    for number in range(EXECUTED):
        tenant = tenants[number % 20]
        for hit in shard.search(tenant, chance.query(exact=number % 2 == 0)):
            if hit.memory_id == shared.memory_id:
                assert hit.version == number % 20 + 1
            else:
                assert hit.memory_id in own[tenant]


class Unscoped(Where):
    """What a compiler without care would make."""

    __slots__ = ()

    @property
    def conditions(self) -> tuple[plan.Condition, ...]:
        return self.also


def _unscoped(where: Where) -> Where:
    return Unscoped(where.tenant, where.also)


def _in_ranking(number: int, part: str) -> tuple[str, Callable[..., object]]:
    made = plan.search

    def search(
        tenant: Tenant, query: IndexQuery, words: plan.Words, *, effort: int | None = None
    ) -> tuple[Ranking, ...]:
        rankings = list(made(tenant, query, words, effort=effort))
        scoped: dict[str, Any] = {part: _unscoped(getattr(rankings[number], part))}
        rankings[number] = replace(rankings[number], **scoped)
        return tuple(rankings)

    return "search", search


def _in_filter(name: str) -> tuple[str, Callable[..., object]]:
    made: Callable[..., Where] = getattr(plan, name)
    return name, lambda *arguments, **options: _unscoped(made(*arguments, **options))


def _in_likeness() -> tuple[str, Callable[..., object]]:
    made = plan.alike

    def alike(tenant: Tenant, dense: list[float], *, limit: int) -> Ranking:
        ranking = made(tenant, dense, limit=limit)
        return replace(ranking, where=_unscoped(ranking.where))

    return "alike", alike


PLACES: Mapping[str, tuple[str, Callable[..., object]]] = {
    "text": _in_ranking(0, "where"),
    "window": _in_ranking(1, "where"),
    "words of the text": _in_ranking(2, "where"),
    "words of the window": _in_ranking(3, "where"),
    "corpus of the text": _in_ranking(2, "corpus"),
    "corpus of the window": _in_ranking(3, "corpus"),
    "alike": _in_likeness(),
    "all": _in_filter("all_of"),
    "these": _in_filter("these"),
    "replaceable": _in_filter("replaceable"),
}


def _assert_all_scoped(tenant: Tenant) -> None:
    for each in edge.batch(plan.search(tenant, a_query(), WORDS)).queries:
        assert_scoped(each, tenant)


def _assert_isolated(shard: Shard, tenant: Tenant) -> None:
    """Fail when another tenant shows anywhere; it has the same memories, under the same ids if it can."""
    other = a_tenant()
    # "piano" is rare for the tenant and common for the other, "coffee" the reverse
    rare, common = (_point_with(word, uuid4()) for word in ("piano", "coffee"))
    shard.upsert(tenant, [rare, common, *(_point_with("coffee", uuid4()) for _ in range(8))])
    shard.upsert(other, [_point_with("piano", uuid4()) for _ in range(60)])
    before = _everything(shard, tenant)

    assert before[0].memory_id == rare.memory_id
    assert len(before) == shard.count(tenant) == 10
    assert len(shard.alike(tenant, unit(1.0), limit=99)) == 10
    shard.upsert(other, [replace(rare, version=7)])
    shard.delete(other, [common.memory_id])
    assert _everything(shard, tenant) == before
    shard.drop(other)
    assert _everything(shard, tenant) == before


def _point_with(word: str, memory_id: UUID) -> Point:
    return a_point(word, unit(1.0), memory_id=memory_id, window_text=word, window=unit(1.0))


def _everything(shard: Shard, tenant: Tenant) -> list[IndexHit]:
    return list(shard.search(tenant, a_query("piano coffee", unit(1.0), limit=99)))


def _shared_terms(tenant: Tenant, part: str, weighed: Sparse) -> Sparse:
    """Other numbers for windows than for texts, and the same for all tenants."""
    return {term ^ len(part): weight for term, weight in weighed.items()}


@pytest.fixture
def _numbers_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the first defences, so that the last shows: points of a memory id and of a word are everyone's."""
    monkeypatch.setattr(plan, "point_id", lambda tenant, memory_id: memory_id)
    monkeypatch.setattr(plan, "own_terms", _shared_terms)


@pytest.mark.usefixtures("_numbers_collide")
def test_a_tenant_is_isolated_even_when_ids_and_words_collide(shard: Shard) -> None:
    _assert_isolated(shard, a_tenant())


@pytest.mark.usefixtures("_numbers_collide")
@pytest.mark.parametrize("place", PLACES)
def test_a_filter_that_is_missing_anywhere_shows(
    shard: Shard, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(plan, *PLACES[place])

    with pytest.raises((AssertionError, IsolationViolation)):
        _assert_isolated(shard, a_tenant())


@pytest.mark.parametrize("place", [name for name, (made, _) in PLACES.items() if made == "search"])
def test_a_filter_that_is_missing_in_a_search_shows_before_it_is_made(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(plan, *PLACES[place])
    tenant = a_tenant()

    with pytest.raises(AssertionError):
        _assert_all_scoped(tenant)


def test_what_is_stored_says_whose_it_is_and_nothing_of_what_it_says(shard: Shard, folder: Path) -> None:
    canary = "xylophonecanary"
    shard.upsert(a_tenant(), [a_point(canary, window_text=f"{canary} {canary}", window=unit(1.0))])

    shard.flush()

    for file in folder.rglob("*"):
        assert file.is_dir() or canary.encode() not in file.read_bytes()

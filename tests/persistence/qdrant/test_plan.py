"""What is asked of the engine: nothing without the tenant, for any query."""

from dataclasses import replace
from typing import cast
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.memory.entities import MemoryKind
from domain.memory.ports import IndexQuery
from persistence.qdrant import edge, plan
from persistence.qdrant.bm25 import Bm25, Sparse
from persistence.qdrant.plan import Equals
from tests.persistence.qdrant.points import START, Chance, a_point, a_query, a_tenant, unit
from tests.persistence.qdrant.scoped import assert_scoped, is_sparse
from tests.soak import SOAK

FUZZED = 100_000 if SOAK else 5_000
WORDS = Bm25()

queries = st.builds(
    IndexQuery,
    text=st.text(max_size=60),
    dense=st.just(unit(1.0)),
    limit=st.integers(1, 500),
    session_id=st.none() | st.uuids(),
    kind=st.none() | st.sampled_from(MemoryKind),
    success=st.none() | st.booleans(),
    since=st.none() | st.just(START),
    until=st.none() | st.just(START),
    exact=st.booleans(),
)


@given(query=queries)
def test_every_part_of_every_request_holds_the_tenant(query: IndexQuery) -> None:
    tenant = a_tenant()

    requests = edge.batch(plan.search(tenant, query, WORDS)).queries

    assert [is_sparse(each) for each in requests] in ([False] * 2, [False, False, True, True])
    for request in requests:
        assert_scoped(request, tenant)


@pytest.mark.timeout(600)
def test_no_query_of_many_is_without_the_tenant() -> None:
    chance, tenants = Chance(4), [a_tenant() for _ in range(20)]

    for number in range(FUZZED):
        tenant = tenants[number % 20]
        for request in edge.batch(plan.search(tenant, chance.query(), WORDS)).queries:
            assert_scoped(request, tenant)


def test_likeness_is_looked_for_among_the_tenants_own() -> None:
    tenant = a_tenant()

    assert_scoped(edge.request(plan.alike(tenant, unit(1.0), limit=3)), tenant)


def test_only_graphs_of_large_tenants_are_searched_with_more_effort() -> None:
    tenant, query = a_tenant(), a_query("pump")
    efforts = [plan.effort(points) for points in (0, plan.SMALL, plan.SMALL + 1)]

    requests = [
        edge.batch(plan.search(tenant, query, WORDS, effort=effort)).queries for effort in (*efforts, None)
    ]

    assert efforts == [64, 64, 128]
    given = [
        [each.params.hnsw_ef for each in batch if each.params and not is_sparse(each)] for batch in requests
    ]
    assert given == [[effort] * 2 for effort in (*efforts, None)]


def test_what_writes_and_counts_holds_the_tenant_too() -> None:
    tenant = a_tenant()
    mine = Equals("tenant", tenant.key)

    for where in (
        plan.all_of(tenant),
        plan.these(tenant, [uuid4()]),
        plan.replaceable(tenant, version=2),
    ):
        assert where.conditions[0] == mine
        assert len([each for each in where.conditions if each == mine]) == 1


def test_ids_of_points_differ_between_tenants_and_memories_only() -> None:
    one, memory = a_tenant(), uuid4()
    others = [
        replace(one, user_id=uuid4()),
        replace(one, project_id=uuid4()),
        replace(one, agent_id=uuid4()),
        replace(one, user_id=one.project_id, project_id=one.user_id),
    ]

    assert plan.point_id(one, memory) == plan.point_id(replace(one), memory)
    assert len({plan.point_id(each, memory) for each in (one, *others)}) == 5
    assert plan.point_id(one, uuid4()) != plan.point_id(one, memory)


@given(text=st.text(), window=st.text())
def test_words_keep_their_weights_under_numbers_of_their_own(text: str, window: str) -> None:
    tenant, point = a_tenant(), a_point(text, window_text=window)

    stored = cast("Sparse", plan.vectors(tenant, point, WORDS).get(plan.WORDS, {}))

    expected = [WORDS.document(text), WORDS.document(window)]
    assert sorted(stored.values()) == sorted(weight for each in expected for weight in each.values())
    assert all(0 <= term < 2**32 for term in stored)


def test_no_two_tenants_share_the_lists_of_their_words() -> None:
    common = dict.fromkeys(range(1_000), 1.0)
    one, other = a_tenant(), a_tenant()

    lists = [set(plan.own_terms(each, part, common)) for each in (one, other) for part in plan.DENSE]

    assert [len(each) for each in lists] == [1_000] * 4
    assert len(set().union(*lists)) > 3_900
    assert plan.own_terms(one, plan.TEXT, common) == plan.own_terms(replace(one), plan.TEXT, common)


def test_a_query_without_words_asks_for_no_words() -> None:
    vectors = [each.vector for each in plan.search(a_tenant(), a_query("the"), WORDS)]

    assert vectors == [plan.TEXT, plan.WINDOW]


def test_only_an_exact_query_is_exact() -> None:
    for exact in (True, False):
        rankings = plan.search(a_tenant(), a_query(exact=exact), WORDS)

        assert {each.exact for each in rankings} == {exact}
        assert {f"exact={exact}" in repr(edge.request(each).params) for each in rankings} == {True}

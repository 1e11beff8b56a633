"""Rankings made one."""

from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeVectorParams,
    Fusion,
    Prefetch,
    Query,
    QueryRequest,
    UpdateOperation,
)
from qdrant_edge import Point as EdgePoint

from persistence.qdrant import fusion
from tests.persistence.qdrant.points import unit

A, B, C = (UUID(int=number) for number in (1, 2, 3))


def test_ranks_are_summed_up_as_reciprocals() -> None:
    assert fusion.fused([{A: 0.9, B: 0.5}, {B: 7.0}]) == {A: 1 / 60, B: 1 / 61 + 1 / 60}


def test_equals_share_a_rank_and_the_next_one_is_behind_them_all() -> None:
    assert fusion.ranks({A: 0.5, B: 0.5 + 1e-8, C: 0.1}) == {A: 0, B: 0, C: 2}


def test_what_is_a_little_worse_each_time_is_not_all_equal() -> None:
    scores = {UUID(int=number): 1 - number * 0.7e-6 for number in range(6)}

    assert list(fusion.ranks(scores).values()) == [0, 0, 2, 2, 4, 4]


def test_equals_of_what_is_cut_off_are_cut_off_too() -> None:
    assert fusion.heads([{A: 0.9, B: 0.5, C: 0.5}], 2) == [{A: 0.9}]
    assert fusion.heads([{A: 0.9, B: 0.6, C: 0.5}], 2) == [{A: 0.9, B: 0.6}]
    assert fusion.heads([{A: 0.9, B: 0.5}], 2) == [{A: 0.9, B: 0.5}]


def test_a_ranking_that_can_not_tell_its_best_apart_says_nothing_unless_none_can() -> None:
    equal = {A: 0.5, B: 0.5, C: 0.5}

    assert fusion.heads([equal, {B: 0.9}, {}], 2) == [{}, {B: 0.9}, {}]
    assert [len(each) for each in fusion.heads([equal, {}], 2)] == [2, 0]


def test_what_equals_the_last_one_is_a_candidate_and_the_best_are_in_order_of_ids() -> None:
    scores = {C: 0.5, B: 0.5, A: 0.1}

    assert set(fusion.candidates(scores, 1)) == {B, C}
    assert list(fusion.best(scores, 1)) == [B]
    assert list(fusion.best(scores, 3)) == [B, C, A]


@given(st.dictionaries(st.uuids(), st.floats(-1, 40), max_size=20), st.integers(1, 20))
def test_the_order_of_what_is_given_changes_nothing(scores: dict[UUID, float], size: int) -> None:
    backwards = dict(reversed(scores.items()))

    assert list(fusion.best(scores, size)) == list(fusion.best(backwards, size))
    assert fusion.fused([scores]) == fusion.fused([backwards])


def test_without_equals_it_is_what_the_engine_does(tmp_path: Path) -> None:
    shard = EdgeShard.create(
        str(tmp_path), EdgeConfig(vectors={"text": EdgeVectorParams(8, Distance.Cosine)})
    )
    points = {uuid4(): unit(1, number * number / 40, number / 9) for number in range(20)}
    shard.update(UpdateOperation.upsert_points([EdgePoint(each, {"text": v}) for each, v in points.items()]))
    nearest = [Query.Nearest(vector, using="text") for vector in (unit(1), unit(0.3, 1), unit(0.1, 0.2, 1))]

    rrf = cast("Fusion", Fusion.Rrf(k=fusion.K))  # its stub calls it no Fusion
    theirs = shard.query(
        QueryRequest(20, query=rrf, prefetches=[Prefetch(15, query=each) for each in nearest])
    )
    rankings = [shard.query(QueryRequest(15, query=each)) for each in nearest]
    ours = fusion.fused({UUID(str(hit.id)): hit.score for hit in hits} for hits in rankings)
    shard.close()

    assert ours == {UUID(str(hit.id)): pytest.approx(hit.score) for hit in theirs}

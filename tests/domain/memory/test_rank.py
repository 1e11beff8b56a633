"""The order in which memories are recalled, and what of them fits into a prompt."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.memory.entities import Memory, Recalled
from domain.memory.rank import WEIGHTS, RankWeights, ranked, within_budget
from domain.models.entities import estimated_tokens
from tests.domain.memory.fakes import a_memory

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NONE = UUID(int=0)
EVEN = RankWeights(importance=0.1, recency=0.1, use=0.1, half_life=timedelta(days=30))


def _memory(number: int, **changes: object) -> Memory:
    return a_memory(UUID(int=number), **{"created_at": NOW - timedelta(days=10), **changes})


def _order(*found: Recalled, weights: RankWeights = EVEN) -> list[int]:
    return [hit.memory.id.int for hit in ranked(found, now=NOW, weights=weights)]


@pytest.mark.parametrize(
    "better",
    [
        {"importance": 0.9},
        {"pinned": True},
        {"created_at": NOW},
        {"last_used_at": NOW - timedelta(days=1)},
        {"uses": 3},
    ],
    ids=["more important", "pinned", "newer", "used lately", "used more often"],
)
def test_of_two_that_fit_as_well_the_one_comes_first_that_is(better: dict[str, object]) -> None:
    plain, other = Recalled(_memory(1), 0.5), Recalled(_memory(2, **better), 0.5)

    assert _order(plain, other) == [2, 1]


def test_what_fits_much_better_comes_first_whatever_else() -> None:
    fitting = Recalled(_memory(1, importance=0.0, created_at=NOW - timedelta(days=900)), 0.9)
    favoured = Recalled(_memory(2, pinned=True, uses=100, created_at=NOW), 0.1)

    assert _order(favoured, fitting) == [1, 2]


def test_equals_come_by_id() -> None:
    found = [Recalled(_memory(number), 0.5) for number in (3, 1, 2)]

    assert _order(*found) == [1, 2, 3]


def test_recency_halves_with_each_half_life() -> None:
    weights = RankWeights(importance=0.0, recency=1.0, use=0.0, half_life=timedelta(days=10))
    ages = [timedelta(days=days) for days in (0, 10, 20)]
    found = [Recalled(_memory(n, created_at=NOW - age), 1.0) for n, age in enumerate(ages)]

    scores = [hit.score for hit in ranked(found, now=NOW, weights=weights)]

    assert scores == pytest.approx([1.0, 0.75, 0.625])


def test_nothing_found_is_nothing_recalled() -> None:
    assert list(ranked([], now=NOW)) == []


def test_only_the_part_of_the_best_score_counts() -> None:
    small = [Recalled(_memory(1), 0.001), Recalled(_memory(2), 0.0005)]
    great = [Recalled(_memory(1), 1_000.0), Recalled(_memory(2), 500.0)]

    assert ranked(small, now=NOW) == ranked(great, now=NOW)


_MEMORIES = st.builds(
    _memory,
    st.integers(0, 50),
    importance=st.floats(0, 1),
    pinned=st.booleans(),
    uses=st.integers(0, 10_000),
    created_at=st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 made aware below
        lambda moment: moment.replace(tzinfo=UTC)
    ),
    text=st.text(max_size=200),
)
_FOUND = st.lists(st.builds(Recalled, _MEMORIES, st.floats(0, 100)), unique_by=lambda hit: hit.memory.id)


@given(_FOUND)
def test_scores_lie_in_0_to_1_and_fall(found: list[Recalled]) -> None:
    scores = [hit.score for hit in ranked(found, now=NOW)]

    assert all(0 <= score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)


@given(_FOUND.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_order_of_what_was_found_does_not_matter(both: tuple[list[Recalled], list[Recalled]]) -> None:
    found, shuffled = both

    assert ranked(shuffled, now=NOW) == ranked(found, now=NOW)


@given(_FOUND, st.integers(0, 200), st.integers(0, 10))
def test_what_is_taken_keeps_its_order_and_the_budget(found: list[Recalled], budget: int, limit: int) -> None:
    taken = within_budget(found, max_tokens=budget, limit=limit)

    assert sum(estimated_tokens(hit.memory.text) for hit in taken) <= budget
    assert len(taken) <= limit
    places = [found.index(hit) for hit in taken]
    assert places == sorted(places)


def test_the_first_five_are_taken_when_all_fit() -> None:
    found = [Recalled(_memory(number), 1.0) for number in range(8)]

    assert within_budget(found, max_tokens=1_000) == found[:5]


def test_one_that_is_too_long_leaves_room_for_the_next() -> None:
    long, short = Recalled(_memory(1, text="x" * 400), 1.0), Recalled(_memory(2, text="x" * 40), 0.9)

    assert within_budget([long, short], max_tokens=50) == [short]


def test_the_shipped_weights_let_relevance_decide() -> None:
    assert WEIGHTS.importance + WEIGHTS.recency + WEIGHTS.use < 0.1

"""The questions by which recall is measured: enough of them, always the same ones, and none tuned on and reported."""

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.recall.conversations import HALVES, LANGUAGES, Conversation, conversations
from benchmarks.recall.quality import quality
from benchmarks.recall.search import Sought, sought
from benchmarks.recall.ways import Alone, Fused
from persistence.qdrant.bm25 import Bm25


@pytest.fixture(scope="module")
def halves() -> dict[str, Sequence[Conversation]]:
    return {half: conversations(half) for half in HALVES}


def test_there_are_enough_questions_in_both_languages(halves: dict[str, Sequence[Conversation]]) -> None:
    for half in HALVES:
        for language in LANGUAGES:
            asked = [each for c in halves[half] if c.language == language for each in c.asked]
            assert len(asked) >= 150


def test_conversations_are_long(halves: dict[str, Sequence[Conversation]]) -> None:
    found = [conversation for half in HALVES for conversation in halves[half]]

    assert len(found) == 20
    assert all(len(conversation.turns) >= 100 for conversation in found)


def test_they_are_the_same_every_time(halves: dict[str, Sequence[Conversation]]) -> None:
    assert {half: conversations(half) for half in HALVES} == halves


def test_the_halves_share_no_question_and_no_statement(halves: dict[str, Sequence[Conversation]]) -> None:
    asked = [{each.text for c in halves[half] for each in c.asked} for half in HALVES]
    told = [{turn.user for c in halves[half] for turn in c.turns if turn.fact} for half in HALVES]

    assert asked[0].isdisjoint(asked[1])
    assert told[0].isdisjoint(told[1])


def test_every_question_leads_to_a_turn_that_states_a_fact(halves: dict[str, Sequence[Conversation]]) -> None:
    for conversation in halves["tune"]:
        assert all(conversation.turns[asked.turn].fact for asked in conversation.asked)


def test_no_question_stands_in_a_conversation(halves: dict[str, Sequence[Conversation]]) -> None:
    told = {turn.user for half in HALVES for c in halves[half] for turn in c.turns}

    assert told.isdisjoint({each.text for half in HALVES for c in halves[half] for each in c.asked})


def test_no_answer_is_superseded_by_something_else(halves: dict[str, Sequence[Conversation]]) -> None:
    model = Bm25()
    found = [each for half in HALVES for c in halves[half][::5] for each in sought(c, model)]

    assert all(each.memories[each.gold].superseded_by is None for each in found)


def _question(gold: int, *ranks: Sequence[float]) -> Sought:
    return Sought("en", "direct", gold, np.array(ranks), ())


def test_recall_counts_the_first_five_and_mrr_the_rank() -> None:
    rows = [[0, 1, 2, 3, 4, 5, np.inf]] * 4
    questions = [_question(0, *rows), _question(4, *rows), _question(5, *rows), _question(6, *rows)]

    found = quality(Alone(0), questions)

    assert (found.count, found.recall) == (4, 0.5)
    assert found.mrr == pytest.approx((1 + 1 / 5 + 1 / 6) / 4)


def test_a_fusion_without_windows_ignores_them() -> None:
    text, words, window = [0, 1, np.inf], [1, 0, np.inf], [np.inf, np.inf, 0]
    question = _question(0, text, words, window, window)

    assert Fused(10, dense=1.0).order(question) == [0, 1]
    assert Fused(10, dense=2.0).order(question) == [0, 1]
    assert Fused(10, dense=0.5).order(question) == [1, 0]
    assert set(Fused(10, dense=1.0, window=1.0).order(question)) == {0, 1, 2}

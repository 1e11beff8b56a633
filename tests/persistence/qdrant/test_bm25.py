"""Words as sparse vectors."""

import pytest

from persistence.qdrant.bm25 import Bm25

BM25 = Bm25()


@pytest.mark.parametrize("text", ["", "   ", "the and of", "и в на", "?!…", "👍"])
def test_a_text_without_words_has_no_weights(text: str) -> None:
    assert BM25.document(text) == {}
    assert BM25.query(text) == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("runs", "running"),
        ("кошки", "кошка"),
        ("ёжик", "ежик"),
        ("ЁЖИК", "ежик"),
        ("Café", "cafe"),
        ("cafe\u0301", "café"),
        ("ﬁne", "fine"),
    ],
)
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    assert BM25.query(one) == BM25.query(other) != {}


def test_each_word_of_a_query_counts_once() -> None:
    assert set(BM25.query("coffee coffee кофе").values()) == {1.0}
    assert len(BM25.query("coffee coffee кофе")) == 2


def test_a_word_of_a_document_counts_more_the_more_often_and_the_less_among_many() -> None:
    (coffee,) = BM25.query("coffee")

    once, twice = BM25.document("coffee tea")[coffee], BM25.document("coffee coffee")[coffee]
    among_many = BM25.document("coffee " + " ".join(f"word{i}" for i in range(200)))[coffee]

    assert among_many < once < twice


def test_a_text_of_two_scripts_has_the_words_of_both() -> None:
    both = BM25.query("запускаем deploy серверов")

    assert both == {**BM25.query("deploy"), **BM25.query("запускать сервер")}

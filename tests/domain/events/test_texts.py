"""What a tail knows of texts is exact and bounded."""

from __future__ import annotations

from domain.events.live import Delta
from domain.events.texts import REMEMBERED_ENDS, OpenTexts
from tests.domain.events.fakes import completed, created, message


def test_an_end_is_final_whatever_is_learned_after_it() -> None:
    texts = OpenTexts()

    texts.learn(completed(message(1), "text"))
    texts.learn(created(message(1)))
    texts.open(message(1))

    assert not texts.is_open(message(1))
    assert texts.take(Delta(message(1), 0, 0, "text")) is None


def test_opening_a_text_twice_keeps_what_was_sent() -> None:
    texts = OpenTexts()
    texts.open(message(1))
    texts.take(Delta(message(1), 0, 0, "text"))

    texts.learn(created(message(1)))

    assert texts.so_far() == [Delta(message(1), 0, 0, "text")]


def test_the_oldest_ends_are_forgotten() -> None:
    texts = OpenTexts()

    for number in range(REMEMBERED_ENDS + 1):
        texts.learn(completed(message(number), "text"))

    assert not texts.is_known(message(0))
    assert texts.is_known(message(1))
    assert texts.is_known(message(REMEMBERED_ENDS))

"""The names under which memory is stored."""

import re

import pytest

from domain.memory.ports import Space


def test_a_plain_model_gives_its_name_to_the_space() -> None:
    assert Space("text-embedding-3-small", 1536, version=2).name == "memories_text-embedding-3-small_1536_v2"


@pytest.mark.parametrize("model", ["a/b", "a_b", "a.b", "ä-b", "../b", "x" * 500, ""])
def test_every_name_is_made_of_letters_digits_and_dashes(model: str) -> None:
    assert re.fullmatch(r"memories_[A-Za-z0-9-]*_8_v1", Space(model, 8).name)
    assert len(Space(model, 8).name) < 200


def test_no_two_spaces_have_one_name() -> None:
    models = ["a-b", "a/b", "a_b", "a.b", "a:b", "ab", "x" * 150, "x" * 151]
    spaces = [
        Space(model, dimension, version) for model in models for dimension in (8, 9) for version in (1, 2)
    ]

    assert len({each.name for each in spaces}) == len(spaces)

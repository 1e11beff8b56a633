"""The built-in embedder: the same vector everywhere, and nearness by shared parts of words."""

import asyncio
import math
import os
import sys
import unicodedata
from collections import Counter
from hashlib import sha256
from operator import mul

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.memory.ports import EmbeddingFailed, Space
from integrations.embeddings.function_words import FUNCTION_WORDS
from integrations.embeddings.lexical import (
    _MIX,
    _MULTIPLIER,
    DIMENSION,
    FUNCTION_WORD_WEIGHT,
    LENGTHS,
    SHORT,
    LexicalEmbedder,
    _words,
    vector_of,
)

KNOWN = "Ёжик, 1975"
KNOWN_PLUS = {24, 26, 124, 143, 182, 188, 283, 307, 323, 350, 381}
KNOWN_MINUS = {4, 22, 50, 105, 201, 319, 379}
"""Where the vector of KNOWN is above and below 0: if these change, the space needs another version."""


def _cosine(one: str, other: str) -> float:
    return float(sum(map(mul, vector_of(one), vector_of(other))))


def test_the_vectors_of_this_version_of_the_space_are_these() -> None:
    vector = vector_of(KNOWN)

    assert {place for place, number in enumerate(vector) if number > 0} == KNOWN_PLUS
    assert {place for place, number in enumerate(vector) if number < 0} == KNOWN_MINUS
    assert max(vector) == pytest.approx(1 / math.sqrt(18))


def _hash(gram: str) -> int:
    number = 0
    for character in gram:
        number = (number * _MULTIPLIER + ord(character)) % 2**64
    number += len(gram)
    for shift, factor in zip((30, 27), _MIX, strict=True):
        number = (number ^ number >> shift) * factor % 2**64
    return number ^ number >> 31


def _plainly_summed(words: list[str]) -> list[float]:
    text = f" {' '.join(words)} "
    grams = [text[at : at + length] for length in LENGTHS for at in range(len(text) - length + 1)]
    counts = Counter(_hash(gram) for gram in grams if " " not in gram[1:-1])
    vector = [0.0] * DIMENSION
    for number, count in counts.items():
        vector[number % DIMENSION] += (1 if number >> 63 else -1) * (1 + math.log(count))
    return vector


@given(
    st.lists(st.text("abcя1", min_size=2, max_size=6) | st.sampled_from(sorted(FUNCTION_WORDS)), min_size=1)
)
def test_a_vector_is_the_sum_of_its_words_parts(words: list[str]) -> None:
    text = f"{' '.join(words)} lamp"

    said, around = (
        [word for word in _words(text) if (word in FUNCTION_WORDS) == few] for few in (False, True)
    )
    summed = [
        a + FUNCTION_WORD_WEIGHT * b for a, b in zip(*map(_plainly_summed, (said, around)), strict=True)
    ]
    length = math.hypot(*summed)
    assert vector_of(text) == pytest.approx([number / length for number in summed], abs=1e-12)


async def test_a_long_text_has_the_same_vector_as_by_itself() -> None:
    text = "A sentence about lamps. " * SHORT

    assert await LexicalEmbedder().embed([text]) == [vector_of(text)]


def test_the_function_words_of_this_version_are_these() -> None:
    words = " ".join(sorted(FUNCTION_WORDS))

    assert sha256(words.encode()).hexdigest()[:16] == "1e4e4f8a61fde117"


def test_questions_that_only_begin_alike_are_far_apart() -> None:
    assert _cosine("What is the name of my dog?", "What is the price of my ticket?") < 0.2
    assert _cosine("Как зовут мою собаку?", "Как называется мой проект?") < 0.3


def test_a_text_of_function_words_alone_can_be_compared() -> None:
    assert _cosine("what is it", "What is it?") == pytest.approx(1)


async def test_another_process_with_another_hash_seed_makes_the_same_vectors() -> None:
    program = f"from integrations.embeddings.lexical import vector_of; print(vector_of({KNOWN!r}))"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )
    out, _ = await process.communicate()

    assert out.decode().strip() == str(vector_of(KNOWN))


async def test_texts_are_embedded_in_their_order() -> None:
    found = await LexicalEmbedder().embed(["one", "two"])

    assert found == [vector_of("one"), vector_of("two")]


def test_it_says_that_it_compares_words_and_not_meaning() -> None:
    embedder = LexicalEmbedder()

    assert embedder.space == Space("lexical", 384, 1)
    assert "lexical" in embedder.label
    assert "semantic" not in embedder.label


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_every_text_has_a_vector_of_length_one(text: str) -> None:
    vector = vector_of(text)

    assert len(vector) == DIMENSION
    assert math.hypot(*vector) == pytest.approx(1)


@given(st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_encoding_and_spacing_make_no_difference(text: str) -> None:
    assert vector_of(unicodedata.normalize("NFD", text)) == vector_of(unicodedata.normalize("NFC", text))
    assert vector_of(f"  {text}\n") == vector_of(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("STRASSE", "straße"), ("Ёлка", "елка"), ("a, b; c!", "a b c"), ("Привет, МИР", "привет мир")],
)
def test_case_punctuation_and_the_dots_of_yo_make_no_difference(one: str, other: str) -> None:
    assert vector_of(one) == vector_of(other)


@pytest.mark.parametrize(
    ("one", "near", "far"),
    [
        ("the deployment keys", "a deploy key", "an apple tree"),
        ("встречаемся завтра в кафе", "встреча завтра у кафе", "пароль от базы данных"),
        ("the restaurant by the river", "teh restaraunt by the rivre", "monthly invoice totals"),
    ],
    ids=["forms", "Russian forms", "typos"],
)
def test_forms_and_typos_are_nearer_than_other_words(one: str, near: str, far: str) -> None:
    assert _cosine(one, near) > _cosine(one, far) + 0.2


def test_the_order_of_words_and_their_repetition_count_little() -> None:
    assert _cosine("red green blue", "blue red green") == pytest.approx(1)
    assert _cosine("red green blue", "red green blue blue") > 0.95


@pytest.mark.parametrize("blank", ["", "   ", "\n\t"])
async def test_a_blank_text_has_no_vector(blank: str) -> None:
    with pytest.raises(EmbeddingFailed, match="blank"):
        await LexicalEmbedder().embed(["text", blank])


@pytest.mark.parametrize("text", ["!!!", "🙂", "—", "漢字", "_", "\ud83d"])
def test_texts_without_words_have_vectors_of_their_own(text: str) -> None:
    assert vector_of(text) != vector_of("word")

"""The built-in embedder: texts are alike when they share parts of words; it knows nothing of meaning."""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

from domain.folding import folded
from domain.memory.ports import EmbeddingFailed, Space, Vector
from integrations.embeddings.function_words import FUNCTION_WORDS

DIMENSION = 384
VERSION = 1
"""Raised with every change of the vectors, which cannot be compared with the older ones then."""
LENGTHS = range(3, 6)
"""Characters of a part of a word, its edges counted as one character each."""

SHORT = 500
"""Characters that are compared sooner than a thread has heard of them."""
FUNCTION_WORD_WEIGHT = 0.1
"""What a word counts that stands in sentences about anything: questions begin alike, whatever they ask for."""

KNOWN, LONGEST_KNOWN = 4_096, 16
"""Words whose parts are kept, and their longest, in characters: texts are made of the same words (3 MB)."""
_64_BITS = 2**64 - 1
_WORD = re.compile(r"[^\W_]+")
_MULTIPLIER = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio, odd: Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4)."""
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014)."""


class LexicalEmbedder:
    """Signed hashing of the words' character n-grams, weighted by the logarithm of how often they occur.

    The same text has the same vector in every process and on every machine. Case, accents' encoding and
    the dots of ё make no difference.
    """

    @property
    def space(self) -> Space:
        """What its vectors can be compared with."""
        return Space("lexical", DIMENSION, VERSION)

    @property
    def label(self) -> str:
        """What people are told."""
        return "lexical: compares parts of words, not meaning"

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector for each text; long texts, which take milliseconds, are computed in a thread.

        Raises:
            EmbeddingFailed: a text is blank.
        """
        if sum(map(len, texts)) <= SHORT:
            return [vector_of(text) for text in texts]
        return await asyncio.to_thread(lambda: [vector_of(text) for text in texts])


def vector_of(text: str) -> Vector:
    """The vector of one text.

    Raises:
        EmbeddingFailed: it is blank.
    """
    words = _words(text)
    if not words:
        raise EmbeddingFailed("A blank text has nothing to be found by.")
    said = _summed(word for word in words if word not in FUNCTION_WORDS)
    around = _summed(word for word in words if word in FUNCTION_WORDS)
    vector = [number + FUNCTION_WORD_WEIGHT * other for number, other in zip(said, around, strict=True)]
    length = math.hypot(*vector)
    return [number / length for number in vector]


def _words(text: str) -> list[str]:
    """The words of a text; what has none counts as it stands."""
    plain = folded(text).replace("ё", "е")
    return _WORD.findall(plain) or plain.split()


def _summed(words: Iterable[str]) -> list[float]:
    """The sum of the words' n-grams, each in its place; not 0 unless there are no words."""
    counts = Counter(chain.from_iterable(map(_parts, words)))
    vector = [0.0] * DIMENSION
    for number, count in counts.items():
        vector[number % DIMENSION] += _weight(count) if number >> 63 else -_weight(count)
    if not any(vector):  # n-grams of one place and opposite signs, which happens to words of one letter
        for number, count in counts.items():
            vector[number % DIMENSION] += _weight(count)
    return vector


def _weight(count: int) -> float:
    return 1.0 if count == 1 else 1 + math.log(count)


def _parts(word: str) -> Sequence[int]:
    """One number for each n-gram of a word with its edges."""
    return _known_parts(word) if len(word) <= LONGEST_KNOWN else _hashes(f" {word} ")


@lru_cache(maxsize=KNOWN)
def _known_parts(word: str) -> Sequence[int]:
    return _hashes(f" {word} ")


def _hashes(word: str) -> Sequence[int]:
    codes = [*map(ord, word)]
    rolled, found = codes, []
    for length in range(2, LENGTHS.stop):
        ends = codes[length - 1 :]
        rolled = [(number * _MULTIPLIER + end) & _64_BITS for number, end in zip(rolled, ends, strict=False)]
        if length in LENGTHS:
            found += [_mixed(number + length & _64_BITS) for number in rolled]
    return tuple(found)


def _mixed(number: int) -> int:
    """The number with every bit depending on every bit, so that remainders spread evenly."""
    number = (number ^ number >> 30) * _MIX[0] & _64_BITS
    number = (number ^ number >> 27) * _MIX[1] & _64_BITS
    return number ^ number >> 31

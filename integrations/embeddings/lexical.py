"""The built-in embedder: texts are alike when they share parts of words; it knows nothing of meaning."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain.folding import folded
from domain.memory.ports import EmbeddingFailed, Space, Vector
from integrations.embeddings.function_words import FUNCTION_WORDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIMENSION = 384
VERSION = 1
"""Raised with every change of the vectors, which cannot be compared with the older ones then."""
LENGTHS = range(3, 6)
"""Characters of a part of a word, its edges counted as one character each."""

SHORT = 2_000
"""Characters that are compared sooner than a thread has heard of them."""
FUNCTION_WORD_WEIGHT = 0.1
"""What a word counts that stands in sentences about anything: questions begin alike, whatever they ask for."""

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
    import numpy as np

    words = _words(text)
    if not words:
        raise EmbeddingFailed("A blank text has nothing to be found by.")
    said = [word for word in words if word not in FUNCTION_WORDS]
    around = [word for word in words if word in FUNCTION_WORDS]
    vector = _summed(said) + FUNCTION_WORD_WEIGHT * _summed(around)
    normalised: list[float] = (vector / np.sqrt(vector.dot(vector))).tolist()
    return normalised


def _words(text: str) -> list[str]:
    """The words of a text; what has none counts as it stands."""
    plain = folded(text).replace("ё", "е")
    return _WORD.findall(plain) or plain.split()


def _summed(words: list[str]) -> NDArray[np.float64]:
    """The sum of the words' n-grams, each in its place; not 0 unless there are no words."""
    import numpy as np

    if not words:
        return np.zeros(DIMENSION)
    grams, counts = np.unique(_hashes(f" {' '.join(words)} "), return_counts=True)
    weights = 1 + np.log(counts)
    signs = np.where(grams >> np.uint64(63), 1.0, -1.0)
    places = (grams % np.uint64(DIMENSION)).astype(np.intp)
    vector = np.bincount(places, weights * signs, minlength=DIMENSION)
    if not vector.any():  # n-grams of one place and opposite signs, which happens to words of one letter
        vector = np.bincount(places, weights, minlength=DIMENSION)
    return vector.astype(np.float64)


def _hashes(words: str) -> NDArray[np.uint64]:
    """One number for each n-gram that crosses no space."""
    import numpy as np

    codes = np.frombuffer(words.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    is_letter = codes != ord(" ")
    multiplier, rolled, inside = np.uint64(_MULTIPLIER), codes, is_letter[1:]
    found = []
    for length in range(2, LENGTHS.stop):
        rolled = rolled[:-1] * multiplier + codes[length - 1 :]
        if length in LENGTHS:
            inside = inside[:-1] & is_letter[length - 2 : -1] if length > LENGTHS.start else inside[:-1]
            found.append(rolled[inside] + np.uint64(length))
    return _mixed(np.concatenate(found))


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The numbers with every bit depending on every bit, so that remainders spread evenly."""
    import numpy as np

    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(_MIX[0])
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(_MIX[1])
    mixed: NDArray[np.uint64] = numbers ^ (numbers >> np.uint64(31))
    return mixed

"""Vectors as an endpoint sends them: checked, brought to length 1, and kept for texts that come again."""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from typing import TypeAlias

from domain.memory.ports import EmbeddingFailed

Kept: TypeAlias = "array[float]"
"""Single precision: what endpoints send has no more."""


def normalised(numbers: object, *, dimension: int) -> Kept:
    """The vector of length 1 in the direction of what was sent.

    Raises:
        EmbeddingFailed: it is no vector of this dimension, or has no direction.
    """
    if not isinstance(numbers, list) or not all(isinstance(number, int | float) for number in numbers):
        raise EmbeddingFailed(
            "The embedding model's provider sent something that is not a vector. Check OPENAI_BASE_URL."
        )
    if len(numbers) != dimension:
        raise EmbeddingFailed(
            f"The embedding model sends vectors of {len(numbers)} numbers where {dimension} are expected. "
            "Correct the model or its dimension in the settings."
        )
    length = math.hypot(*numbers)
    if not 0 < length < math.inf:
        raise EmbeddingFailed("The embedding model sent a vector without a direction.")
    return array("f", (number / length for number in numbers))


class VectorCache:
    """The vectors of the texts that were asked for last, by content; of the texts it keeps hashes only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()

    def find(self, texts: Sequence[str]) -> dict[str, Kept]:
        """The vectors that are there; those count as used."""
        found = {}
        for text in texts:
            if vector := self._kept.get(key := _key(text)):
                self._kept.move_to_end(key)
                found[text] = vector
        return found

    def keep(self, text: str, vector: Kept) -> None:
        """Keep a vector in place of the one that was not used for the longest time."""
        self._kept[_key(text)] = vector
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)


def _key(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()

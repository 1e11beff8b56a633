"""Words as sparse vectors: BM25 in Russian and in everything else, chosen by the script of each word."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qdrant_edge import SparseVector

MEAN_WORDS = 64.0
"""Words of a memory of middling length; a longer one counts less for each of its words."""
_CYRILLIC = re.compile(r"[\u0400-\u04ff]+")

Sparse = Mapping[int, float]
"""The weight of each term, by the term's number; nothing for a text without words."""


class Bm25:
    """Weighs words as BM25 does; what is left, their rarity, is for whoever compares them to know.

    Words are stemmed, and those that say nothing (articles, prepositions) are left out. Making one loads the
    engine's library, which a process that only asks the index has no use for.
    """

    def __init__(self) -> None:
        from qdrant_edge import Bm25 as Model
        from qdrant_edge import Bm25Config as Config

        self._russian = Model(Config(language="russian", avg_len=MEAN_WORDS))
        self._other = Model(Config(language="english", avg_len=MEAN_WORDS, ascii_folding=True))

    def document(self, text: str) -> Sparse:
        """Weigh the words of a memory."""
        russian, other = _by_script(text)
        return _joined(self._russian.embed_document(russian), self._other.embed_document(other))

    def query(self, text: str) -> Sparse:
        """Give each word of a query the weight 1."""
        russian, other = _by_script(text)
        return _joined(self._russian.embed_query(russian), self._other.embed_query(other))


def _by_script(text: str) -> tuple[str, str]:
    """Split into the words in Cyrillic and all the rest; ё is written as е by most, so it is taken as such."""
    plain = unicodedata.normalize("NFKC", text).replace("ё", "е").replace("Ё", "Е")
    return " ".join(_CYRILLIC.findall(plain)), _CYRILLIC.sub(" ", plain)


def _joined(*parts: SparseVector) -> Sparse:
    weights: defaultdict[int, float] = defaultdict(float)
    for part in parts:
        for term, weight in zip(part.indices, part.values, strict=True):
            weights[term] += weight
    return dict(weights)

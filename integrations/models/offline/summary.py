"""An extractive summary: the sentences whose words the text uses most, in their own order."""

from __future__ import annotations

import re
from collections import Counter

DEFAULT_SENTENCES = 2
_BETWEEN = re.compile(r"(?<=[.!?…])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]{4,}")
"""Words of four letters and more: the shorter ones are mostly grammar, in both languages."""


def sentences_of(text: str) -> list[str]:
    """The sentences of `text`, trimmed."""
    return [sentence for part in _BETWEEN.split(text) if (sentence := part.strip())]


def summarise(text: str, *, sentences: int = DEFAULT_SENTENCES) -> str:
    """At most `sentences` of the text's own sentences.

    A sentence scores the mean frequency of its words; the first one, which mostly states the subject,
    scores a half more.
    """
    all_sentences = sentences_of(text)
    frequency = Counter(word.lower() for word in _WORD.findall(text))
    scores = [_score(sentence, frequency) for sentence in all_sentences]
    if scores:
        scores[0] *= 1.5
    best = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:sentences]
    return " ".join(all_sentences[index] for index in sorted(best))


def _score(sentence: str, frequency: Counter[str]) -> float:
    words = [word.lower() for word in _WORD.findall(sentence)]
    return sum(frequency[word] for word in words) / len(words) if words else 0.0

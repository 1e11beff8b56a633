"""When two memories say the same, and which sentences of an answer only repeat what was recalled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from domain.folding import folded
from domain.memory.subjects import subject_of
from domain.orchestrator.words import stem

__all__ = ["are_near_duplicates", "content_hash", "subject_of", "without_recalled"]

MIN_COSINE = 0.7
"""Below, texts are never merged: forms of one sentence reach 0.73 and more in the lexical space."""

_MIN_INFLECTED = 4
_EDGES = ".,;:!…\"'«»“”„‘’()[]—–"
_words = re.compile(r"\S+").findall
_FILLERS = frozenset(
    _words("""
    a an the please well so just really also oh okay ok and remember that note btw
    пожалуйста ну вот же так просто еще и запомни что кстати
    """)
)
"""Words that a statement says the same without. No pronoun, preposition, negation or number is among them."""

_REPORTING = _FILLERS | frozenset(
    _words("""
    i you he she it we they me him her us them my your his its our their mine yours am is are was were be been
    do does did have has had will would said say says told tell mentioned mention stated noted asked according user
    recall recalled know remembered memory memories as of to in on at for this which earlier before previously
    я ты вы он она оно мы они мне тебе вам меня тебя вас мой моя мое мои твой твоя твое твои ваш ваша ваше
    ваши моего твоего вашего моей твоей вашей моим твоим вашим это есть был была было были будет как ты говорил
    говорила говорили сказал сказала сказали упоминал упоминала упоминали помню раньше ранее в на с у по о об для
    """)
)
"""Words in which an answer turns "my key is X" into "you said that your key is X"."""

_WORD = re.compile(r"[^\W_]+(?:[-'’.:/@][^\W_]+)*|[-+±]?\d[\d.,:]*")
_SENTENCES = re.compile(r"(?:(?<=[.!?…])\s+|\n+)")
_LAST_PUNCTUATION = re.compile(r"[\s.!…\"'»”)]*$")


def content_hash(text: str) -> str:
    """What exact duplicates share: SHA-256, in hex, of the folded text with ё as е and single spaces."""
    return sha256(" ".join(_plain(text).split()).encode("utf-8", "surrogatepass")).hexdigest()


def are_near_duplicates(one: str, other: str, *, cosine: float) -> bool:
    """Whether two texts say the same and may be merged.

    They must be near in their embedding space and have the same words in the same order, fillers and
    the endings of lower-case words aside. So texts that differ in a number, a negation, a name or a
    sign are never merged, nor is a statement with a question.
    """
    if cosine < MIN_COSINE:
        return False
    ones, others = _tokens(one), _tokens(other)
    return len(ones) == len(others) and all(map(_same, ones, others))


def without_recalled(text: str, recalled: Iterable[str]) -> str:
    """The text without sentences whose words all stand in one recalled text; what remains is unchanged."""
    known = [_said(each) for each in recalled]
    kept = [
        sentence
        for sentence in _split(text)
        if not (said := _said(sentence)) or not any(said <= each for each in known)
    ]
    return "".join(kept).strip()


def _split(text: str) -> list[str]:
    """The sentences, each with the white space that follows it."""
    ends = [match.end() for match in _SENTENCES.finditer(text)]
    starts = [0, *ends]
    return [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]


def _said(text: str) -> frozenset[str]:
    """The stems of what a text says, whoever says it."""
    words = _WORD.findall(_plain(text))
    return frozenset(_stemmed(word) for word in words if word not in _REPORTING)


def _tokens(text: str) -> list[str]:
    """What stands between spaces without the punctuation around it; a question keeps its mark."""
    tokens = [token.strip(_EDGES) for token in text.split()]
    return [token for token in tokens if token and _plain(token) not in _FILLERS]


def _same(one: str, other: str) -> bool:
    if _plain(one) == _plain(other):
        return True
    return _is_inflected(one) and _is_inflected(other) and stem(_plain(one)) == stem(_plain(other))


def _is_inflected(token: str) -> bool:
    """Whether a token is a common word, whose ending says little; a name's ending may make another person."""
    return token.isalpha() and token == token.lower() and len(token) >= _MIN_INFLECTED


def _stemmed(word: str) -> str:
    return stem(word) if word.isalpha() else word


def _plain(text: str) -> str:
    return folded(text).replace("ё", "е")

"""Every memory of a conversation in four rankings for each question: meaning and words, of text and window."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from benchmarks.recall.conversations import END, Conversation, Said
from domain.memory.entities import DEFAULT_IMPORTANCE, Memory, MemoryKind, Provenance
from domain.memory.similar import subject_of
from integrations.embeddings.lexical import vector_of
from persistence.qdrant.bm25 import Bm25, Sparse
from persistence.qdrant.fusion import heads, ranks

TEXT, BM25, WINDOW, BM25_WINDOW = range(4)
DEPTH = 50
"""How far down each ranking counts, as in the index."""

Ranks = NDArray[np.float64]
"""Of each of the four rankings (rows) and memories (columns); infinite where a ranking lacks the memory."""


@dataclass(frozen=True, slots=True)
class Sought:
    """A question with its rankings; `gold` is the place of the memory that answers it."""

    language: str
    kind: str
    gold: int
    ranks: Ranks
    memories: Sequence[Memory]

    @property
    def now(self) -> datetime:
        """When it is asked."""
        return END


def sought(conversation: Conversation, model: Bm25) -> Sequence[Sought]:
    """All questions of a conversation, each against all of its memories."""
    memories = _memories(conversation)
    texts = [memory.text for memory in memories]
    windows = [memory.window for memory in memories]
    dense = [np.array([vector_of(text or " . ") for text in each]) for each in (texts, windows)]
    sparse = [_Sparse([model.document(text) for text in each]) for each in (texts, windows)]
    found = []
    for asked in conversation.asked:
        vector, terms = np.array(vector_of(asked.text)), model.query(asked.text)
        scores = [
            dict(enumerate((dense[0] @ vector).tolist())),
            sparse[0].scores(terms),
            {place: score for place, score in enumerate((dense[1] @ vector).tolist()) if windows[place]},
            sparse[1].scores(terms),
        ]
        ranked = np.vstack([_ranks(each, len(memories)) for each in heads(map(_by_id, scores), DEPTH)])
        found.append(Sought(conversation.language, asked.kind, asked.turn, ranked, memories))
    return found


class _Sparse:
    """Term weights of documents, and the terms' rarity among them as Qdrant counts it."""

    def __init__(self, documents: Sequence[Sparse]) -> None:
        self._documents = documents
        self._frequency = Counter(term for document in documents for term in document)

    def scores(self, query: Sparse) -> Mapping[int, float]:
        """Of those documents that share a term with the query."""
        rarity = {term: weight * self._rarity(term) for term, weight in query.items()}
        sums = (
            sum(weight * document.get(term, 0.0) for term, weight in rarity.items())
            for document in self._documents
        )
        return {place: score for place, score in enumerate(sums) if score > 0}

    def _rarity(self, term: int) -> float:
        frequency = self._frequency[term]
        return math.log((len(self._documents) - frequency + 0.5) / (frequency + 0.5) + 1)


def _by_id(scores: Mapping[int, float]) -> Mapping[UUID, float]:
    return {UUID(int=place): score for place, score in scores.items()}


def _ranks(scores: Mapping[UUID, float], count: int) -> NDArray[np.float64]:
    ranked = np.full(count, np.inf)
    for memory_id, rank in ranks(scores).items():
        ranked[memory_id.int] = rank
    return ranked


def _memories(conversation: Conversation) -> Sequence[Memory]:
    """The turns as they are remembered; a statement supersedes what was stated about its subject before."""
    texts = [_spoken(turn) for turn in conversation.turns]
    subjects = [subject_of(turn.user) for turn in conversation.turns]
    latest = {subject: place for place, subject in enumerate(subjects) if subject}
    found = []
    for place, (text, subject) in enumerate(zip(texts, subjects, strict=True)):
        newer = latest[subject] if subject else place
        found.append(
            Memory(
                id=UUID(int=place),
                project_id=UUID(int=0),
                agent_id=UUID(int=0),
                kind=MemoryKind.FACT if subject else MemoryKind.INTERACTION,
                text=text,
                window=f"{texts[place - 1]}\n{text}" if place else "",
                success=True,
                importance=DEFAULT_IMPORTANCE,
                pinned=False,
                source=Provenance(),
                occurrences=1,
                uses=0,
                superseded_by=UUID(int=newer) if newer != place else None,
                version=1,
                indexed_version=1,
                problem=None,
                created_at=conversation.at(place),
                last_used_at=None,
            )
        )
    return found


def _spoken(turn: Said) -> str:
    return f"User: {turn.user}\n@general: {turn.answer}"

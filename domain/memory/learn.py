"""What an agent learns from a turn: the question with its answer, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.conversations.entities import Author, Turn
from domain.memory.entities import MAX_TEXT, MemoryKind, NewMemory, Provenance
from domain.memory.hints import mention
from domain.memory.review import ask
from domain.memory.similar import content_hash, subject_of, without_recalled
from domain.scopes import ProjectTx

FAILURE_IMPORTANCE = 0.2


@dataclass(frozen=True, slots=True)
class Lesson:
    """A turn that has ended: the branch up to the question, what was answered, and what had been recalled."""

    memory_id: UUID
    agent_id: UUID
    handle: str
    turns: Sequence[Turn]
    answer: str
    problem: str | None
    source: Provenance
    recalled: Sequence[str] = ()


def learn(p: ProjectTx, lesson: Lesson, *, reviewed: bool = False) -> None:
    """Store what is new in a turn, inside the transaction that ends it; a restated fact replaces the older one.

    Nothing is learned from an answer that only repeats what had been recalled. Where memories are `reviewed`,
    a model is asked later what else a success contradicts.
    """
    if (new := learned(lesson)) is None:
        return
    memory_id = p.memories.add(new)
    replaced = new.subject is not None and p.memories.supersede(
        lesson.agent_id, subject=new.subject, by=memory_id
    )
    if reviewed and new.success and memory_id == new.id:
        ask(p, memory_id, new.agent_id)
    if memory_id == new.id or replaced:
        mention(p)


def learned(lesson: Lesson) -> NewMemory | None:
    """The memory of a turn; None when there is nothing new in it."""
    question = lesson.turns[-1].content
    subject = subject_of(question)
    answer = without_recalled(lesson.answer, lesson.recalled)
    if not answer and subject is None and not lesson.problem:
        return None
    text = _spoken(question, lesson.problem or answer, handle=lesson.handle)
    return NewMemory(
        id=lesson.memory_id,
        agent_id=lesson.agent_id,
        kind=MemoryKind.FACT if subject else MemoryKind.INTERACTION,
        text=text,
        content_hash=content_hash(text),
        window=_window(lesson.turns, text),
        success=lesson.problem is None,
        source=lesson.source,
        subject=subject if lesson.problem is None else None,
        **({"importance": FAILURE_IMPORTANCE} if lesson.problem else {}),
    )


def _spoken(question: str, answer: str, *, handle: str) -> str:
    return f"User: {question}\n@{handle}: {answer}"[:MAX_TEXT] if answer else f"User: {question}"[:MAX_TEXT]


def _window(turns: Sequence[Turn], text: str) -> str:
    """The turn before, in front of this one; empty at the beginning."""
    before = [_line(turn) for turn in turns[-3:-1]]
    return "\n".join([*before, text])[-MAX_TEXT:] if before else ""


def _line(turn: Turn) -> str:
    return f"{'User' if turn.author == Author.USER else '@' + (turn.agent_handle or 'agent')}: {turn.content}"

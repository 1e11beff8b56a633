"""Reviewing what was learned: a model says which older memories a new one contradicts, and so replaces.

Whoever stores the memory asks for its review in the same transaction (`ask`). A reviewer takes what is due for
the time of a lease and counts the attempt; it then reads the memory and its nearest older ones, asks the model
with no transaction open, and marks what is replaced together with the end of the review. A process that dies
in between leaves the row: the review is done again when the lease is over, and changes nothing twice.
What fails is tried again, later each time, and given up in the end: the rules of `learn` hold all the while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from uuid import UUID

from domain.errors import CodeLabError, Unavailable
from domain.memory.entities import Memory
from domain.memory.hints import wake
from domain.memory.judge import Judge
from domain.memory.ports import EmbeddingFailed, IndexUnavailable
from domain.memory.recall import Recall
from domain.memory.review_ports import ReviewKey, ReviewQueue
from domain.models.ports import ModelProblem
from domain.scopes import ProjectTx, Scopes, UserScope, UserTx

log = logging.getLogger("codelab.memory")

FIRST_S = 2.0
"""When a memory is reviewed at the earliest: the index has usually heard of it by then."""
BATCH = 4
"""Reviews at once in one process."""
LEASE_S = 60.0
ANSWER_S = 30.0
"""The longest wait for the model."""
POLL_S = 2.0
NEIGHBOURS = 12
"""How many of the nearest memories are looked at."""
SHOWN = 5
"""How many of them the model is shown."""
MIN_COSINE = 0.25
"""Below, memories are about other things; in the lexical space unlike sentences reach 0.2."""
MAX_SHOWN_TEXT = 1_500
"""Characters of a memory that the model is shown."""
ATTEMPTS = 12
RETRY_S, LAST_RETRY_S = 10.0, 3_600.0
"""The first pause after a failure, which doubles up to the last; all attempts span about three hours."""
TASK = (
    "You keep the memory of an assistant true. `new` is what it learned last, `older` are earlier memories by number."
    " Name the older ones that state something which the new one contradicts, so that it does not hold any more:"
    " the same thing has another value, place, time or answer now, or is denied."
    " Two memories that can both be true do not contradict each other, and a question contradicts nothing."
    " Name none when in doubt."
)


class Verdict(StrEnum):
    """How a review went, as it is counted."""

    REPLACED = "replaced"
    KEPT = "kept"
    ALONE = "alone"
    """Nothing older is near: nobody was asked."""
    NONSENSE = "nonsense"
    """The model's answer was not one; nothing is replaced."""
    FAILED = "failed"
    """To be tried again."""
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Case:
    """A memory and the older ones that it is held against, at the versions at which they were read."""

    new: Memory
    older: Sequence[Memory]

    @property
    def shown(self) -> dict[str, object]:
        """As the model is shown it."""
        older = [{"number": n, "text": it.text[:MAX_SHOWN_TEXT]} for n, it in enumerate(self.older, 1)]
        return {"new": self.new.text[:MAX_SHOWN_TEXT], "older": older}


class Review:
    """One reviewer; any number of processes may have one. `told` hears each verdict and how many were replaced."""

    def __init__(
        self,
        *,
        queue: ReviewQueue,
        scopes: Scopes,
        recall: Recall,
        judge: Judge,
        told: Callable[[Verdict, int], None] = lambda *_: None,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._queue = queue
        self._scopes = scopes
        self._recall = recall
        self._judge = judge
        self._told = told
        self._answer_s = answer_s

    async def run(self) -> None:
        """Review until cancelled; a lost database, index or model is waited for."""
        while True:
            try:
                while await self.round() == BATCH:
                    pass
            except Unavailable as problem:
                log.warning("reviews of memories wait: %s", problem.message)
            except Exception:
                log.exception("a round of reviews failed; the next one follows")
            await asyncio.sleep(POLL_S)

    async def round(self) -> int:
        """Review what is due, up to a bound; returns how much of it did not fail.

        Raises:
            Unavailable: the database does not answer.
        """
        keys = await self._queue.due(limit=BATCH, lease_s=LEASE_S)
        done = await asyncio.gather(*map(self._reviewed, keys), return_exceptions=True)
        problems = [it for it in done if isinstance(it, BaseException)]
        if problems:
            raise problems[0]
        return sum(it is True for it in done)

    async def _reviewed(self, key: ReviewKey) -> bool:
        """Review one memory, or put it off; whether it did not fail."""
        scope = self._scopes.open(key.user_id)
        if key.attempts > ATTEMPTS:
            return await self._end(scope, key, Verdict.GIVEN_UP)
        try:
            return await self._review(scope, key)
        except (IndexUnavailable, EmbeddingFailed, ModelProblem) as problem:
            log.warning("a memory's review is put off: %s", problem.message, extra=_ids(key))
            await self._postpone(scope, key, problem)
            self._told(Verdict.FAILED, 0)
            return False

    async def _review(self, scope: UserScope, key: ReviewKey) -> bool:
        memory = await scope.read_once(partial(_waiting, key=key, judge=self._judge))
        if memory is None:
            return await self._end(scope, key)
        if not memory.indexed:
            await self._postpone(scope, key)
            return False
        near = await self._recall.alike(key.tenant, memory.text, limit=NEIGHBOURS)
        ids = [it.memory_id for it in near if it.cosine >= MIN_COSINE]
        case = await scope.read_once(partial(_case, key=key, memory=memory, ids=ids))
        if not case.older:
            return await self._end(scope, key, Verdict.ALONE)
        numbers = await self._judge.numbers(TASK, case.shown, most=len(case.older), timeout_s=self._answer_s)
        if not numbers:
            return await self._end(scope, key, Verdict.NONSENSE if numbers is None else Verdict.KEPT)
        replaced = await scope.write(partial(_replace, key=key, case=case, numbers=numbers))
        self._told(Verdict.REPLACED if replaced else Verdict.KEPT, replaced)
        return True

    async def _end(self, scope: UserScope, key: ReviewKey, verdict: Verdict | None = None) -> bool:
        await scope.write(lambda tx: tx.project(key.project_id).reviews.settle(key.memory_id))
        if verdict is not None:
            self._told(verdict, 0)
        return True

    async def _postpone(self, scope: UserScope, key: ReviewKey, problem: CodeLabError | None = None) -> None:
        asked_s = problem.retry_after_s if isinstance(problem, ModelProblem) else None
        pause_s = min(max(RETRY_S * 2 ** (key.attempts - 1), asked_s or 0.0), LAST_RETRY_S)
        await scope.write(
            lambda tx: tx.project(key.project_id).reviews.postpone(key.memory_id, retry_s=pause_s)
        )


def ask(p: ProjectTx, memory_id: UUID, agent_id: UUID) -> None:
    """Let a memory that was just stored be reviewed once."""
    p.reviews.ask(memory_id, agent_id, after_s=FIRST_S)


def _waiting(tx: UserTx, *, key: ReviewKey, judge: Judge) -> Memory | None:
    """The memory; None when there is nothing to judge any more, or the agent answers offline."""
    p = tx.project(key.project_id)
    memory, agent = p.memories.many([key.memory_id]).get(key.memory_id), p.agents.many([key.agent_id])
    if memory is None or memory.superseded_by is not None or not memory.success:
        return None
    return memory if judge.may_see(agent[key.agent_id].settings.model) else None


def _case(tx: UserTx, *, key: ReviewKey, memory: Memory, ids: Sequence[UUID]) -> Case:
    """The nearest older memories that a model may replace, the nearest first."""
    found = tx.project(key.project_id).memories.many(ids)
    older = [found[it] for it in ids if it in found and _is_older(found[it], memory)]
    return Case(memory, older[:SHOWN])


def _is_older(older: Memory, memory: Memory) -> bool:
    return (
        older.agent_id == memory.agent_id
        and (older.created_at, older.id) < (memory.created_at, memory.id)
        and older.superseded_by is None
        and older.success
        and not older.pinned
    )


def _replace(tx: UserTx, *, key: ReviewKey, case: Case, numbers: Sequence[int]) -> int:
    """Mark what is replaced and end the review, together."""
    p = tx.project(key.project_id)
    older = {it.id: it.version for it in (case.older[number - 1] for number in numbers)}
    replaced = p.reviews.replace(key.agent_id, older, by=case.new.id, version=case.new.version)
    p.reviews.settle(key.memory_id)
    if replaced:
        wake(p)
    return replaced


def _ids(key: ReviewKey) -> dict[str, object]:
    return {"agent_id": str(key.agent_id), "memory_id": str(key.memory_id), "attempts": key.attempts}

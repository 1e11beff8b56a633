"""Reminding an agent before it answers: recall, and the fact that readers hear of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from domain.agents.entities import AgentSettings
from domain.bus.ports import ClaimLost
from domain.conversations.entities import AgentRef, Citation
from domain.events.kinds import MemoryRecalled
from domain.memory.entities import MemoryFilter, Recalled
from domain.memory.ports import EmbeddingFailed, IndexHit, IndexUnavailable
from domain.memory.rank import within_budget
from domain.memory.recall import Question, Recall
from domain.memory.rerank import Rerank
from domain.scopes import UserScope, UserTx
from domain.tasks.entities import Claim

log = logging.getLogger("codelab.memory")

RECALLED = 5
"""Memories given to the model (spec S6)."""
RECALLED_TOKENS = 1_500
"""How much of a prompt they may take."""


class Remind:
    """Recalls for one answer. Without an index the answer is made without memory, and says so.

    Args:
        recall: Finds memories.
        rerank: Orders what was found by a model; without it the order is the ranking's own.
        monotonic: The clock, in seconds.
        recalled: Told how many memories an answer is made with.
        without: Told that an answer is made without, because they could not be looked for.
    """

    def __init__(
        self,
        recall: Recall,
        *,
        rerank: Rerank | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        recalled: Callable[[int], None] = lambda _: None,
        without: Callable[[], None] = lambda: None,
    ) -> None:
        self._recall = recall
        self._rerank = rerank
        self._monotonic = monotonic
        self._recalled = recalled
        self._without = without

    async def __call__(
        self, scope: UserScope, claim: Claim, settings: AgentSettings, text: str
    ) -> Sequence[Recalled]:
        """What to give to the model; successes only, since failures are no advice.

        Raises:
            ClaimLost: the task is another's by now; nobody is told anything.
        """
        began = self._monotonic()
        key = claim.task
        question = Question(key.project_id, key.agent_id, text, MemoryFilter(success=True), RECALLED)
        try:
            hits: Sequence[IndexHit] = await self._recall.hits(scope, question)
            degraded = False
        except (IndexUnavailable, EmbeddingFailed) as error:
            log.warning("an answer is made without memory: %s", error.message)
            hits, degraded = (), True
        if not hits and not degraded:
            return ()
        order = await self._order(scope, question, hits, settings)
        agent = AgentRef(key.agent_id, settings.name, settings.handle, claim.agent_version)

        def tell(tx: UserTx) -> Sequence[Recalled]:
            p = tx.project(key.project_id)
            if not p.tasks.holds(claim):
                raise ClaimLost
            ranked = self._recall.memories(tx, question, hits)
            if order:
                ranked = sorted(ranked, key=lambda it: order.get(it.memory.id, len(order)))
            found = within_budget(ranked, max_tokens=RECALLED_TOKENS, limit=RECALLED)
            if found or degraded:
                citations = tuple(Citation(it.memory.id, it.score) for it in found)
                fact = MemoryRecalled(claim.run_id, agent, citations, self._monotonic() - began, degraded)
                p.events.append(claim.session_id, fact)
            return found

        found = await scope.write(tell)
        if degraded:
            self._without()
        self._recalled(len(found))
        return found

    async def _order(
        self, scope: UserScope, question: Question, hits: Sequence[IndexHit], settings: AgentSettings
    ) -> Mapping[UUID, int]:
        """The places of what was found as a model orders it; empty where none is asked. No transaction is open."""
        if self._rerank is None or not hits:
            return {}
        found = await scope.read_once(lambda tx: self._recall.memories(tx, question, hits))
        ordered = await self._rerank(question.text, found, model=settings.model)
        return {it.memory.id: place for place, it in enumerate(ordered)}

"""Reminding an agent before it answers: recall, and the fact that readers hear of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from domain.agents.entities import AgentSettings
from domain.bus.ports import ClaimLost
from domain.conversations.entities import AgentRef, Citation
from domain.events.kinds import MemoryRecalled
from domain.memory.entities import MemoryFilter, Recalled
from domain.memory.ports import EmbeddingFailed, IndexHit, IndexUnavailable
from domain.memory.rank import within_budget
from domain.memory.recall import Question, Recall
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
        monotonic: The clock, in seconds.
        recalled: Told how many memories an answer is made with.
        without: Told that an answer is made without, because they could not be looked for.
    """

    def __init__(
        self,
        recall: Recall,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        recalled: Callable[[int], None] = lambda _: None,
        without: Callable[[], None] = lambda: None,
    ) -> None:
        self._recall = recall
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
        agent = AgentRef(key.agent_id, settings.name, settings.handle, claim.agent_version)

        def tell(tx: UserTx) -> Sequence[Recalled]:
            p = tx.project(key.project_id)
            if not p.tasks.holds(claim):
                raise ClaimLost
            found = within_budget(
                self._recall.memories(tx, question, hits), max_tokens=RECALLED_TOKENS, limit=RECALLED
            )
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

"""Carries out a claim: asks the model, writes the answer, and ends the run in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from domain.agents.briefing import Briefing
from domain.agents.finish import Outcome, finish
from domain.agents.prompt import HISTORY_TURNS, model_request
from domain.agents.versions import AgentVersions
from domain.agents.writer import AnswerWriter
from domain.bus.guard import Guard
from domain.bus.ports import ClaimLost
from domain.conversations.entities import Turn
from domain.errors import CodeLabError, Unavailable
from domain.events.live import Live, SessionKey
from domain.memory.remind import Remind
from domain.models.entities import ModelFinished, ModelRequest, TextDelta
from domain.models.ports import ModelGateway
from domain.ports import NewId
from domain.scopes import Scopes, UserScope, UserTx
from domain.tasks.entities import Claim

log = logging.getLogger("codelab.runner")

FINISH_ATTEMPTS = 60
"""Tries, a second apart, to record an answer while the database is away; the lease decides after that."""
FINISH_PAUSE_S = 1.0
INTERNAL = "Something went wrong inside CodeLab. The operator finds the reason in the log. Try again."


@dataclass(frozen=True, slots=True)
class RunnerLimits:
    """Bounds of one answer: seconds for all of it, tokens of history given to the model."""

    task_s: float = 600.0
    history_tokens: int = 16_000


class Runner:
    """Runs direct answers; holds no transaction and no connection while the model speaks.

    What agents learn is `reviewed` later where a model is there to do so.
    """

    def __init__(
        self,
        *,
        scopes: Scopes,
        models: ModelGateway,
        live: Live,
        versions: AgentVersions,
        remind: Remind,
        new_id: NewId,
        monotonic: Callable[[], float],
        limits: RunnerLimits | None = None,
        reviewed: bool = False,
    ) -> None:
        self._scopes = scopes
        self._models = models
        self._live = live
        self._versions = versions
        self._remind = remind
        self._new_id = new_id
        self._monotonic = monotonic
        self._limits = limits or RunnerLimits()
        self._reviewed = reviewed

    async def __call__(self, claim: Claim, guard: Guard) -> None:
        """Answer, and record how it ended; a lost claim ends in silence."""
        scope = self._scopes.open(claim.task.user_id)
        writer = AnswerWriter(claim, guard, scope=scope, live=self._live, monotonic=self._monotonic)
        try:
            outcome = await self._outcome(scope, claim, writer)
            guard.record()
            await self._record(scope, claim, outcome)
            guard.recorded()
        except ClaimLost:
            log.info("a claim was lost", extra={"task_id": str(claim.task.task_id)})
        finally:
            await scope.aclose()

    async def _outcome(self, scope: UserScope, claim: Claim, writer: AnswerWriter) -> Outcome:
        started, timer = self._monotonic(), asyncio.timeout(self._limits.task_s)
        problem, last, briefing = None, None, None
        try:
            async with timer:
                briefing = await self._brief(scope, claim)
                request = model_request(briefing, history_tokens=self._limits.history_tokens)
                if claim.generation:  # the first one is begun by its first word
                    await writer.begin()
                last = await self._speak(request, writer)
        except ClaimLost:
            raise
        except CodeLabError as error:
            problem = error.message
        except Exception:
            problem = f"The answer took longer than {self._limits.task_s:.0f} seconds and was ended."
            if not timer.expired():
                log.exception("an answer failed", extra={"task_id": str(claim.task.task_id)})
                problem = INTERNAL
        return Outcome(writer.text, last, problem, self._monotonic() - started, briefing)

    async def _brief(self, scope: UserScope, claim: Claim) -> Briefing:
        key = claim.task
        settings = await self._versions.settings(
            scope, project_id=key.project_id, agent_id=key.agent_id, version=claim.agent_version
        )

        def work(tx: UserTx) -> tuple[Sequence[Turn], bool]:
            p = tx.project(key.project_id)
            turns = p.messages.history(claim.session_id, claim.question_id, limit=HISTORY_TURNS)
            return turns, p.memories.has_any(key.agent_id)

        turns, remembers = await scope.read_once(work)
        if settings is None or not turns:
            raise ClaimLost  # the agent, the session or the question was deleted meanwhile
        if not remembers:
            return Briefing(settings, turns)
        return Briefing(settings, turns, await self._remind(scope, claim, settings, turns[-1].content))

    async def _speak(self, request: ModelRequest, writer: AnswerWriter) -> ModelFinished | None:
        last: ModelFinished | None = None
        async with aclosing(self._models.stream(request)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, TextDelta):
                    await writer.write(chunk.text)
                else:
                    last = chunk
        return last

    async def _record(self, scope: UserScope, claim: Claim, outcome: Outcome) -> None:
        usage_id, memory_id = self._new_id(), self._new_id()
        work = partial(
            finish,
            claim=claim,
            outcome=outcome,
            usage_id=usage_id,
            memory_id=memory_id,
            reviewed=self._reviewed,
        )
        for attempt in range(FINISH_ATTEMPTS):
            try:
                await scope.write(work)
                break
            except Unavailable:
                if attempt == FINISH_ATTEMPTS - 1:
                    raise ClaimLost from None
                await asyncio.sleep(FINISH_PAUSE_S)
        key = SessionKey(claim.task.user_id, claim.session_id)
        await self._live.finish(key, message_id=claim.answer_id, generation=claim.generation)

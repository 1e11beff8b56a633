"""The last transaction of an answer: its text, its step, what it cost, and the end of its run."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.agents.briefing import Briefing
from domain.bus.claim import agent_changed
from domain.bus.ports import ENGINE_CHANNEL, ClaimLost
from domain.conversations.entities import Citation, MessageStatus, RunStatus, Usage
from domain.conversations.ports import Advance, Advanced
from domain.events.kinds import MessageCompleted, RunStatusChanged
from domain.memory.entities import Provenance
from domain.memory.learn import Lesson, learn
from domain.models.entities import ModelFinished
from domain.scopes import HintCommitted, ProjectTx, UserTx
from domain.tasks.entities import Claim, TaskStatus
from domain.tasks.ports import ModelCall


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer ended; `problem` is None when it succeeded, `last` None when the model did not finish."""

    text: str
    last: ModelFinished | None
    problem: str | None
    seconds: float
    briefing: Briefing | None = None

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The memories that the answer was given with."""
        recalled = self.briefing.recalled if self.briefing else ()
        return tuple(Citation(it.memory.id, it.score) for it in recalled)

    @property
    def usage(self) -> Usage:
        """What the model counted."""
        if self.last is None:
            return Usage(seconds=self.seconds)
        tokens = self.last.usage
        return Usage(tokens.input_tokens, tokens.output_tokens, self.last.cost_micro_usd, 1, self.seconds)


def finish(
    tx: UserTx, *, claim: Claim, outcome: Outcome, usage_id: UUID, memory_id: UUID, reviewed: bool = False
) -> None:
    """Record the outcome under the claim's fence, and what the agent learned from it, to be `reviewed` or not.

    Raises:
        ClaimLost: the task is another's by now; nothing is changed.
    """
    p = tx.project(claim.task.project_id)
    ok = outcome.problem is None
    waiting = p.slots.finish(claim.task.agent_id, succeeded=ok, seconds=outcome.seconds)
    status = TaskStatus.SUCCEEDED if ok else TaskStatus.FAILED
    if waiting is None or not p.tasks.end(claim, status=status, problem=outcome.problem):
        raise ClaimLost
    if outcome.last is not None:
        _journal(tx, claim, outcome, outcome.last, usage_id)
    ended = _answer(tx, claim, outcome)
    _remember(p, claim, outcome, memory_id, reviewed=reviewed)
    if waiting or (ended and ended.active_runs):  # somebody may have waited for this slot, or for this answer
        p.announce(HintCommitted(ENGINE_CHANNEL, {"wake": True}))
    channel = f"project:{tx.user_id}:{p.project_id}"
    p.announce(HintCommitted(channel, agent_changed(claim.task.agent_id)))


def _remember(p: ProjectTx, claim: Claim, outcome: Outcome, memory_id: UUID, *, reviewed: bool) -> None:
    if (briefing := outcome.briefing) is None:  # it broke before the question was read: nothing to learn
        return
    p.memories.used([it.memory.id for it in briefing.recalled])
    lesson = Lesson(
        memory_id=memory_id,
        agent_id=claim.task.agent_id,
        handle=briefing.settings.handle,
        turns=briefing.turns,
        answer=outcome.text,
        problem=outcome.problem,
        source=Provenance(claim.answer_id, claim.run_id, claim.session_id, claim.agent_version),
        recalled=[it.memory.text for it in briefing.recalled],
    )
    learn(p, lesson, reviewed=reviewed)


def _journal(tx: UserTx, claim: Claim, outcome: Outcome, last: ModelFinished, usage_id: UUID) -> None:
    tasks = tx.project(claim.task.project_id).tasks
    response: dict[str, object] = {
        "text": outcome.text,
        "finish_reason": last.finish_reason,
        "model": last.model,
    }
    tasks.record_step(claim, position=0, response=response)
    call = ModelCall(last.model, outcome.usage, last.price_known, last.usage.estimated)
    tasks.record_usage(usage_id=usage_id, claim=claim, call=call)


def _answer(tx: UserTx, claim: Claim, outcome: Outcome) -> Advanced | None:
    p, usage, problem = tx.project(claim.task.project_id), outcome.usage, outcome.problem
    model = outcome.last.model if outcome.last else None
    message_status = MessageStatus.COMPLETE if problem is None else MessageStatus.FAILED
    run_status = RunStatus.SUCCEEDED if problem is None else RunStatus.FAILED
    p.messages.complete(
        claim.answer_id,
        status=message_status,
        content=outcome.text,
        model=model,
        usage=usage,
        citations=outcome.citations,
    )
    p.runs.finish(claim.run_id, status=run_status, problem=problem, model=model, usage=usage)
    return p.events.append(
        claim.session_id,
        MessageCompleted(
            claim.answer_id, claim.generation, message_status, outcome.text, usage, outcome.citations, problem
        ),
        RunStatusChanged(claim.run_id, run_status, problem, usage),
        advance=Advance(2, active_runs=-1),
    )

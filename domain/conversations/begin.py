"""Begins an answer: question, empty answer, run and task, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.agents.entities import WAITING_LIMIT, Agent
from domain.bus.claim import agent_changed
from domain.bus.ports import ENGINE_CHANNEL, Labour
from domain.conversations.entities import AgentRef, Author, MessageStatus, RunMode, RunStatus, Session
from domain.conversations.moved import Moved
from domain.conversations.ports import Advance, Anchor, NewMessage, NewRun
from domain.errors import LimitExceeded
from domain.events.kinds import FactBody, HeadMoved, MessageCreated, RunStarted, RunStatusChanged
from domain.ports import NewId
from domain.scopes import HintCommitted, ProjectTx, UserTx
from domain.tasks.entities import Claim
from domain.tasks.ports import NewTask


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who answers and why."""

    agent: Agent
    mode: RunMode
    confidence: float | None = None
    reason: str | None = None

    @property
    def ref(self) -> AgentRef:
        """The agent as it is now."""
        settings = self.agent.settings
        return AgentRef(self.agent.id, settings.name, settings.handle, self.agent.version)


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """What to answer: a new question with `content` below `anchor`, or (`content` None) the question `anchor` again.

    `before` is the message before a question that is answered again. The session must still be as it was
    read when the answer is stored: where its head is decides what the readers are told.
    """

    session: Session
    anchor: Anchor | None
    content: str | None
    chosen: Chosen
    key: str
    input_hash: str
    before: Anchor | None = None

    @property
    def asks_anew(self) -> bool:
        """Whether there is a new question to store."""
        return self.content is not None

    @property
    def question_id(self) -> UUID | None:
        """The question, when it is there already."""
        return self.anchor.id if self.anchor and not self.asks_anew else None

    @property
    def waits_for(self) -> UUID | None:
        """The answer before the question, while it is still being written: the model shall see it."""
        before = self.anchor if self.asks_anew else self.before
        return before.id if before and before.writing else None

    @property
    def leaves_the_branch(self) -> bool:
        """Whether the new head is not simply the next message of the branch that was the default."""
        anchor_id = self.anchor.id if self.anchor else None
        return not self.asks_anew or anchor_id != self.session.head_id


@dataclass(frozen=True, slots=True)
class Begun:
    """The run that was admitted, and the claim if this process runs it at once.

    `seq` is the log's end at that moment; None when an earlier request admitted it.
    """

    run_id: UUID
    question_id: UUID
    session_id: UUID
    project_id: UUID
    seq: int | None = None
    claim: Claim | None = None


class Begin:
    """Admits answers; those that find a free slot and an idle queue are claimed by their own insert."""

    def __init__(self, *, new_id: NewId, labour: Labour) -> None:
        self._new_id = new_id
        self._labour = labour

    def __call__(self, tx: UserTx, p: ProjectTx, wanted: NewAnswer) -> Begun:
        """Admit.

        Raises:
            LimitExceeded: the agent has as many waiting as it may.
            Moved: the session's head is not where it was any more, or the agent is being deleted.
        """
        agent_id = wanted.chosen.agent.id
        ready = wanted.waits_for is None and self._labour.accepts
        ticket = p.slots.take_running(agent_id) if ready else None
        claimed = ticket is not None
        if ticket is None:
            ticket = p.slots.take_waiting(agent_id)
        if ticket is None:
            raise _refusal(p, wanted.chosen.agent)
        begun = self._write(p, wanted, ticket=ticket, claimed=claimed)
        p.announce(HintCommitted(f"project:{tx.user_id}:{p.project_id}", agent_changed(agent_id)))
        if not claimed:
            p.announce(HintCommitted(ENGINE_CHANNEL, {"wake": True}))
        return begun

    def _write(self, p: ProjectTx, wanted: NewAnswer, *, ticket: int, claimed: bool) -> Begun:
        session = wanted.session
        ids = _Ids(self._new_id(), wanted.question_id or self._new_id(), self._new_id(), self._new_id())
        count = 3 + wanted.asks_anew + wanted.leaves_the_branch
        advance = Advance(
            count, head_id=ids.answer, expected_head=session.head_id, active_runs=1, served=claimed
        )
        advanced = p.sessions.advance(session.id, advance)
        if advanced is None:
            raise Moved
        status = RunStatus.RUNNING if claimed else RunStatus.QUEUED
        messages = _messages(wanted, ids, first=advanced.seq - count + 1)
        p.messages.add(*messages)
        p.runs.add(_run(wanted, ids, position=advanced.seq - count + 1 + wanted.asks_anew, status=status))
        claim = self._queue(p, wanted, ids, ticket=ticket, claimed=claimed)
        p.events.store(session.id, advanced, *_facts(wanted, ids, messages, status))
        return Begun(ids.run, ids.question, session.id, session.project_id, advanced.seq, claim)

    def _queue(
        self, p: ProjectTx, wanted: NewAnswer, ids: _Ids, *, ticket: int, claimed: bool
    ) -> Claim | None:
        agent, session_id, after = wanted.chosen.agent, wanted.session.id, wanted.waits_for
        task = NewTask(ids.task, session_id, ids.run, agent.id, agent.version, ids.answer, after, ticket)
        if not claimed:
            p.tasks.add_queued(task)
            return None
        worker_id, lease_s = self._labour.worker_id, self._labour.lease_s
        return p.tasks.add_claimed(task, question_id=ids.question, worker_id=worker_id, lease_s=lease_s)


def _refusal(p: ProjectTx, agent: Agent) -> Exception:
    """Why there is no place in the queue: it is full, or it was closed because the agent is being deleted."""
    now = p.agents.many([agent.id]).get(agent.id)
    if now is None or not now.queue.running_limit:
        return Moved()
    return LimitExceeded(
        f"@{agent.settings.handle} has {WAITING_LIMIT} messages waiting, which is the most"
        " that it may have. Wait for some to be answered.",
        limit=WAITING_LIMIT,
    )


@dataclass(frozen=True, slots=True)
class _Ids:
    run: UUID
    question: UUID
    answer: UUID
    task: UUID


def _messages(wanted: NewAnswer, ids: _Ids, *, first: int) -> list[NewMessage]:
    """The answer, after the question when that is new; `first` is the seq of the first of the facts."""
    anchor, session_id = wanted.anchor, wanted.session.id
    depth = 0 if anchor is None else anchor.depth + wanted.asks_anew
    answer = NewMessage(
        ids.answer,
        session_id,
        parent_id=ids.question,
        depth=depth + 1,
        position=first + 1 + wanted.asks_anew,
        author=Author.AGENT,
        content="",
        status=MessageStatus.STREAMING,
        run_id=ids.run,
        agent=wanted.chosen.ref,
    )
    if not wanted.asks_anew:
        return [answer]
    question = NewMessage(
        ids.question,
        session_id,
        parent_id=anchor.id if anchor else None,
        depth=depth,
        position=first,
        author=Author.USER,
        content=wanted.content or "",
        status=MessageStatus.COMPLETE,
        run_id=ids.run,
        agent=None,
    )
    return [question, answer]


def _facts(wanted: NewAnswer, ids: _Ids, messages: list[NewMessage], status: RunStatus) -> list[FactBody]:
    chosen = wanted.chosen
    *questions, answer = [
        MessageCreated(m.id, m.parent_id, m.author, m.content, m.agent, m.run_id) for m in messages
    ]
    facts: list[FactBody] = [
        *questions,
        RunStarted(ids.run, chosen.mode, chosen.ref, chosen.confidence, chosen.reason),
        answer,
        RunStatusChanged(ids.run, status, None, None),
    ]
    return [*facts, HeadMoved(ids.answer)] if wanted.leaves_the_branch else facts


def _run(wanted: NewAnswer, ids: _Ids, *, position: int, status: RunStatus) -> NewRun:
    chosen = wanted.chosen
    return NewRun(
        ids.run,
        wanted.session.id,
        position,
        chosen.mode,
        status,
        ids.question,
        ids.answer,
        chosen.ref,
        chosen.confidence,
        chosen.reason,
        wanted.key,
        wanted.input_hash,
    )

"""Sends messages: new ones, edited ones and second tries, each answered by a run."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from domain.agents import handles
from domain.bus.ports import Labour
from domain.conversations.begin import Begin, Begun, Chosen, NewAnswer
from domain.conversations.choose import choose, direct
from domain.conversations.entities import Author, Run, RunMode, Session
from domain.conversations.moved import Moved, settled
from domain.conversations.ports import Anchor
from domain.conversations.states import RUN_ENDS
from domain.conversations.validate import checked_content, checked_key
from domain.errors import Conflict, FieldProblem, Invalid, NotFound
from domain.scopes import ProjectTx, UserScope, UserTx


@dataclass(frozen=True, slots=True)
class NewMessageInput:
    """A message as a client sends it; `target` is an agent's id or handle."""

    content: str
    key: str
    target: UUID | str | None = None
    parent_id: UUID | None = None


class Send:
    """The three ways to get an answer. The same key with the same input returns the same run."""

    def __init__(self, *, begin: Begin, labour: Labour) -> None:
        self._begin = begin
        self._labour = labour

    async def message(self, scope: UserScope, session_id: UUID, new: NewMessageInput) -> Begun:
        """Send a message into a session.

        Raises:
            Invalid: empty or too long. NotFound: session, parent or agent. Conflict: the key was used for
            other input. LimitExceeded: the agent's queue is full.
        """
        checked_content(new.content)
        key, digest = checked_key(new.key), _digest("send", new.content, new.target, new.parent_id)

        def work(tx: UserTx, attempt: int) -> Begun:
            session = _session(tx, session_id)
            p = tx.project(session.project_id)
            if known := _known(p, session, key, digest):
                return known
            chosen = choose(p, target=new.target, content=new.content)
            if attempt:
                session = _in_turn(tx, p, session, chosen)
            anchor = _place(p, session, new.parent_id)
            return self._begin(tx, p, NewAnswer(session, anchor, new.content, chosen, key, digest))

        return await self._run(scope, work)

    async def edited(self, scope: UserScope, message_id: UUID, content: str, key: str) -> Begun:
        """Send another version of a question: a sibling of it, answered by a new run.

        The agent that was named for the original answers, unless the new text names another.

        Raises:
            Invalid: not a question, or bad input. NotFound: the message. Conflict, LimitExceeded: as `message`.
        """
        checked_content(content)
        key, digest = checked_key(key), _digest("edit", content, message_id)

        def work(tx: UserTx, attempt: int) -> Begun:
            p, session = _around(tx, tx.projects.of_message(message_id), "message")
            if known := _known(p, session, key, digest):
                return known
            message = p.messages.many([message_id]).get(message_id)
            if message is None:
                raise NotFound("message")
            if message.author != Author.USER:
                raise Invalid(
                    FieldProblem(("messageId",), "Only your own messages can be edited; retry the run.")
                )
            target = None if handles.leading(content) else _named_before(p, message.run_id)
            chosen = choose(p, target=target, content=content)
            if attempt:
                session = _in_turn(tx, p, session, chosen)
            anchor = p.messages.anchor(session.id, message.parent_id) if message.parent_id else None
            return self._begin(tx, p, NewAnswer(session, anchor, content, chosen, key, digest))

        return await self._run(scope, work)

    async def retried(self, scope: UserScope, run_id: UUID, key: str) -> Begun:
        """Answer a run's question once more: the new answer is a sibling of the old one.

        Raises:
            NotFound: the run, or its agent is gone. Conflict: the run has not ended. LimitExceeded: as `message`.
        """
        key, digest = checked_key(key), _digest("retry", run_id)

        def work(tx: UserTx, attempt: int) -> Begun:
            p, session = _around(tx, tx.projects.of_run(run_id), "run")
            if known := _known(p, session, key, digest):
                return known
            run = p.runs.many([run_id]).get(run_id)
            question = p.messages.anchor(session.id, run.question_id) if run else None
            if run is None or question is None:
                raise NotFound("run")
            chosen = _again(p, run)
            if attempt:
                session = _in_turn(tx, p, session, chosen)
            before = p.messages.anchor(session.id, question.parent_id) if question.parent_id else None
            return self._begin(tx, p, NewAnswer(session, question, None, chosen, key, digest, before))

        return await self._run(scope, work)

    async def _run(self, scope: UserScope, work: Callable[[UserTx, int], Begun]) -> Begun:
        """Admit and start; a caller who goes away does not come between the two."""
        admitting = asyncio.create_task(self._admit(scope, work))
        try:
            return await asyncio.shield(admitting)
        except asyncio.CancelledError:
            await asyncio.wait([admitting])
            raise

    async def _admit(self, scope: UserScope, work: Callable[[UserTx, int], Begun]) -> Begun:
        begun = await settled(scope, work)
        if begun.claim is not None:
            self._labour.start(begun.claim)
        return begun


def _session(tx: UserTx, session_id: UUID) -> Session:
    session = tx.projects.session(session_id)
    if session is None:
        raise NotFound("session")
    return session


def _in_turn(tx: UserTx, p: ProjectTx, session: Session, chosen: Chosen) -> Session:
    """The session once everybody who is before us is done: who lost a race once wins the next."""
    p.slots.lock(chosen.agent.id)
    p.sessions.lock(session.id)
    return _session(tx, session.id)


def _place(p: ProjectTx, session: Session, parent_id: UUID | None) -> Anchor | None:
    """The message to continue: the one that was named, or the head."""
    wanted = parent_id or session.head_id
    anchor = p.messages.anchor(session.id, wanted) if wanted else None
    if parent_id is None:
        if wanted is not None and anchor is None:
            raise Moved
        return anchor
    if anchor is None:
        raise NotFound("message")
    if anchor.author == Author.USER:
        raise Invalid(FieldProblem(("parentId",), "Continue from an answer, or edit the question."))
    return anchor


def _around(tx: UserTx, place: tuple[UUID, UUID] | None, kind: str) -> tuple[ProjectTx, Session]:
    session = tx.projects.session(place[1]) if place else None
    if session is None:
        raise NotFound(kind)
    return tx.project(session.project_id), session


def _known(p: ProjectTx, session: Session, key: str, digest: str) -> Begun | None:
    known = p.runs.by_key(session.id, key)
    if known is None:
        return None
    if known.input_hash != digest:
        raise Conflict("This idempotency key was used for other input. Use a new key for a new message.")
    return Begun(known.run_id, known.question_id, session.id, session.project_id)


def _named_before(p: ProjectTx, run_id: UUID | None) -> UUID | None:
    run = p.runs.many([run_id]).get(run_id) if run_id else None
    agent = run.agent if run and run.mode == RunMode.DIRECT else None
    return agent.id if agent and agent.id in p.agents.many([agent.id]) else None


def _again(p: ProjectTx, run: Run) -> Chosen:
    if run.status not in RUN_ENDS:
        raise Conflict("This run has not ended. Stop it first, or wait for it.")
    if run.agent is None:
        raise NotFound("agent")
    chosen = direct(p, run.agent.id)
    return Chosen(chosen.agent, run.mode, run.confidence, run.reason)


def _digest(*parts: object) -> str:
    text = json.dumps([part if part is None or isinstance(part, str) else str(part) for part in parts])
    return hashlib.sha256(text.encode()).hexdigest()

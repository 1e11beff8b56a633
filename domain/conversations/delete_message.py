"""Deletes a message and everything below it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domain.bus.close import close_tasks
from domain.conversations.entities import Session
from domain.conversations.moved import Moved, settled
from domain.conversations.ports import Advance
from domain.errors import NotFound
from domain.events.kinds import FactBody, HeadMoved, MessageDeleted
from domain.events.live import Live, SessionKey
from domain.memory.hints import wake
from domain.scopes import ProjectTx, UserScope, UserTx
from domain.tasks.ports import OpenTask


class DeleteMessage:
    """Removes a branch for good; the rest of the session stays as it is."""

    def __init__(self, *, live: Live) -> None:
        self._live = live

    async def __call__(self, scope: UserScope, message_id: UUID) -> int:
        """Delete; runs that were answering below it are cancelled. Returns the number of cancelled tasks.

        When the default branch ended below it, the message before it becomes the head.

        Raises:
            NotFound: no such message.
        """

        def work(tx: UserTx, _: int) -> tuple[UUID, Sequence[OpenTask]]:
            place = tx.projects.of_message(message_id)
            session = tx.projects.session(place[1]) if place else None
            if session is None:
                raise NotFound("message")
            return session.id, _delete(tx.project(session.project_id), session, message_id)

        session_id, cancelled = await settled(scope, work)
        for task in cancelled:
            key = SessionKey(scope.user_id, session_id)
            await self._live.finish(key, message_id=task.answer_id, generation=task.generation)
        return len(cancelled)


def _delete(p: ProjectTx, session: Session, message_id: UUID) -> Sequence[OpenTask]:
    message = p.messages.anchor(session.id, message_id)
    if message is None:
        raise NotFound("message")
    ids = p.messages.below(session.id, message_id)
    gone = set(ids)
    closed = close_tasks(
        p, lambda: [task for task in p.tasks.open_of_session(session.id) if task.answer_id in gone]
    )
    _hold(p, session, message_id, ids)
    facts: list[FactBody] = [MessageDeleted(message_id)]
    if p.memories.forget_messages(ids):
        wake(p)
    p.messages.delete(session.id, ids)
    if session.head_id in gone:
        head_id = message.parent_id or p.messages.newest_leaf(session.id)
        if head_id is not None:
            facts.append(HeadMoved(head_id))
        p.events.append(session.id, *facts, advance=Advance(len(facts), head_id=head_id))
    else:
        p.events.append(session.id, *facts)
    return closed


def _hold(p: ProjectTx, session: Session, message_id: UUID, ids: Sequence[UUID]) -> None:
    """Hold the session, so that nothing is attached any more to what is about to go.

    Raises:
        Moved: something was attached before, or the head is elsewhere.
    """
    held = p.sessions.advance(session.id, Advance(0, expected_head=session.head_id))
    if held is None or set(p.messages.below(session.id, message_id)) != set(ids):
        raise Moved

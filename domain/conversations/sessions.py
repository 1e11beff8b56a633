"""Sessions: creating, renaming and deleting them."""

from __future__ import annotations

import hashlib
from uuid import UUID

from domain.bus.close import close_tasks
from domain.conversations.moved import Moved, settled
from domain.conversations.ports import Advance
from domain.conversations.validate import checked_key, checked_title
from domain.errors import Conflict, NotFound
from domain.events.kinds import SessionDeleted, SessionRenamed
from domain.events.live import Live, SessionKey
from domain.memory.hints import wake
from domain.ports import NewId
from domain.scopes import HintCommitted, ProjectTx, UserScope, UserTx

UNTITLED = "New chat"
GONE = "Its session was deleted."


class Sessions:
    """The use cases of sessions as a whole."""

    def __init__(self, *, new_id: NewId, live: Live) -> None:
        self._new_id = new_id
        self._live = live

    async def create(self, scope: UserScope, project_id: UUID, *, title: str | None, key: str | None) -> UUID:
        """A new session; the same key with the same input returns the same one.

        Raises:
            NotFound: the project. Invalid: title or key. Conflict: the key was used for other input.
        """
        wanted = checked_title(title) if title is not None else UNTITLED
        digest = hashlib.sha256(wanted.encode()).hexdigest()
        if key is not None:
            checked_key(key)

        def work(tx: UserTx, _: int) -> UUID:
            if project_id not in tx.projects.many([project_id]):
                raise NotFound("project")
            p = tx.project(project_id)
            known = p.sessions.by_key(key) if key is not None else None
            if known is not None:
                if known.input_hash != digest:
                    raise Conflict("This idempotency key was used for other input. Use a new key.")
                return known.session_id
            session_id = self._new_id()
            p.sessions.add(session_id, title=wanted, key=key, input_hash=digest)
            _listed(tx, p, session_id)
            return session_id

        return await settled(scope, work)

    async def rename(self, scope: UserScope, session_id: UUID, title: str) -> None:
        """Change the title.

        Raises:
            NotFound: the session. Invalid: the title.
        """
        title = checked_title(title)

        def work(tx: UserTx) -> None:
            session = tx.projects.session(session_id)
            p = tx.project(session.project_id) if session else None
            renamed = p and p.events.append(
                session_id, SessionRenamed(title), advance=Advance(1, title=title)
            )
            if not p or not renamed:
                raise NotFound("session")
            _listed(tx, p, session_id)

        await scope.write(work)

    async def delete(self, scope: UserScope, session_id: UUID) -> int:
        """Make a session invisible at once and cancel what it has open; returns the cancelled tasks.

        Raises:
            NotFound: the session.
        """
        key = SessionKey(scope.user_id, session_id)

        def work(tx: UserTx, _: int) -> int:
            session = tx.projects.session(session_id)
            if session is None:
                raise NotFound("session")
            p = tx.project(session.project_id)
            closed = close_tasks(p, lambda: p.tasks.open_of_session(session_id), problem=GONE)
            if not p.events.append(session_id, SessionDeleted(), advance=Advance(1, bury=True)):
                raise NotFound("session")
            if p.tasks.open_of_session(session_id):
                raise Moved  # a message came in between; from now on none can
            if p.memories.forget_session(session_id):
                wake(p)
            hint = {"kind": "SESSION_UNLISTED", "session_id": str(session_id)}
            tx.announce(HintCommitted(f"project:{tx.user_id}:{p.project_id}", hint))
            return len(closed)

        cancelled = await settled(scope, work)
        for text in await self._live.writing(key):
            await self._live.finish(key, message_id=text.message_id, generation=text.generation)
        return cancelled


def _listed(tx: UserTx, p: ProjectTx, session_id: UUID) -> None:
    hint = {"kind": "SESSION_LISTED", "session_id": str(session_id)}
    tx.announce(HintCommitted(f"project:{tx.user_id}:{p.project_id}", hint))

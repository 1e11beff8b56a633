"""Doorways to SQL: opens one owner's transactions and announces what they committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from domain.events.live import SessionKey
from domain.scopes import FactsCommitted
from persistence.statements import Rows
from persistence.transactions import SqlUserTx

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    import sqlalchemy as sa

    from domain.events.live import Hints, Live
    from domain.scopes import Announcement, UserTx
    from persistence.database import Database, Snapshot

T = TypeVar("T")


class SqlScopes:
    """Opens doorways over one database."""

    def __init__(self, database: Database, *, live: Live, hints: Hints) -> None:
        self._database = database
        self._live = live
        self._hints = hints

    def open(self, user_id: UUID) -> SqlUserScope:
        """The doorway of one user."""
        return SqlUserScope(self._database, self._live, self._hints, user_id)


class SqlUserScope:
    """One user's doorway."""

    def __init__(self, database: Database, live: Live, hints: Hints, user_id: UUID) -> None:
        self._database = database
        self._live = live
        self._hints = hints
        self._user_id = user_id
        self._snapshot: Snapshot | None = None

    @property
    def user_id(self) -> UUID:
        """Whose it is."""
        return self._user_id

    async def read(self, work: Callable[[UserTx], T]) -> T:
        """Run a read in the scope's snapshot, opening it when there is none."""
        if self._snapshot is None:
            self._snapshot = self._database.snapshot(user_id=self._user_id)
        return await self._snapshot.run(lambda connection: work(self._tx(connection)))

    async def read_once(self, work: Callable[[UserTx], T]) -> T:
        """Run one read in a view of its own."""
        return await self._database.read(lambda connection: work(self._tx(connection)), user_id=self._user_id)

    async def write(self, work: Callable[[UserTx], T]) -> T:
        """Run a transaction, then announce; the next read opens a new snapshot."""

        def transaction(connection: sa.Connection) -> tuple[T, Sequence[Announcement]]:
            tx = self._tx(connection)
            return work(tx), tx.announcements

        await self.aclose()
        result, announcements = await self._database.write(transaction, user_id=self._user_id)
        for announcement in announcements:
            await self._announce(announcement)
        return result

    async def aclose(self) -> None:
        """Give the snapshot back."""
        if self._snapshot is not None:
            snapshot, self._snapshot = self._snapshot, None
            await snapshot.close()

    def _tx(self, connection: sa.Connection) -> SqlUserTx:
        return SqlUserTx(Rows(connection, user_id=self._user_id))

    async def _announce(self, announcement: Announcement) -> None:
        if isinstance(announcement, FactsCommitted):
            await self._live.publish(SessionKey(self._user_id, announcement.session_id), announcement.facts)
        else:
            await self._hints.send(announcement.channel, announcement.hint)

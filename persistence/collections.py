"""Statements on the collections of the memory index, which belong to the deployment and have no owner.

On PostgreSQL they run under the role `codelab_unowned`; nothing of any user's is in their rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from domain.memory.collections import Collection, CollectionState
from domain.memory.ports import Space
from persistence.conflicts import is_unique_violation
from persistence.elapsed import elapsed
from persistence.statements import now
from persistence.tables.memory import collections as t
from persistence.tables.memory import outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from domain.memory.collections import CollectionRows
    from persistence.database import Database

T = TypeVar("T")
ATTEMPTS = 3
"""Runs of a transaction that other processes overtake, by adding the same generation."""

_STATE = sa.case(
    (t.c.retired_at.is_not(None), CollectionState.RETIRED.value),
    (t.c.ready_at.is_not(None), CollectionState.READY.value),
    (t.c.told_at.is_not(None), CollectionState.FILLING.value),
    (t.c.beginnings > 0, CollectionState.TELLING.value),
    else_=CollectionState.ASKED.value,
)
_ALL = sa.select(
    t.c.removed_at.is_(None),
    t.c.model,
    t.c.dimension,
    t.c.version,
    t.c.generation,
    _STATE,
    t.c.told_at.is_not(None),
    t.c.beginnings,
    t.c.position,
    t.c.total,
    t.c.told,
    t.c.problem,
    elapsed(t.c.asked_at, t.c.ready_at),
    elapsed(t.c.retired_at, now()),
).order_by(t.c.generation)
_WAITED_FOR = outbox.c.refused.is_(False)
_WAITING = sa.select(sa.func.count()).select_from(outbox).where(_WAITED_FOR)
_ONE = sa.update(t).where(t.c.generation == sa.bindparam("number"))
_RETIRE = _ONE.where(t.c.ready_at.is_(None), t.c.retired_at.is_(None)).values(retired_at=now(), position="")
_SAME_BEGINNING = _ONE.where(t.c.beginnings == sa.bindparam("begun"))
_BEGIN = _SAME_BEGINNING.values(
    beginnings=t.c.beginnings + 1,
    position="",
    total=sa.bindparam("all"),
    told=0,
    told_at=None,
)
_AS_READ = _SAME_BEGINNING.where(t.c.position == sa.bindparam("read"), t.c.told_at.is_(None))
_MOVE = _AS_READ.values(position=sa.bindparam("reached"), told=t.c.told + sa.bindparam("more"))
_TOLD_ALL = _AS_READ.values(told_at=now(), position="")
_UNHEARD = sa.select(outbox.c.memory_id).where(_WAITED_FOR, outbox.c.created_at <= t.c.told_at).correlate(t)
_SWITCH = _ONE.where(
    t.c.told_at.is_not(None), t.c.ready_at.is_(None), t.c.retired_at.is_(None), ~_UNHEARD.exists()
).values(ready_at=now(), problem=None)
_RETIRE_OLDER = (
    sa.update(t)
    .where(t.c.generation < sa.bindparam("number"), t.c.retired_at.is_(None))
    .values(retired_at=now(), position="")
)
_FAILS = _ONE.values(problem=sa.bindparam("why"))
_REMOVED = _ONE.values(removed_at=now())


class SqlCollections:
    """`CollectionRows` inside one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._newest: int | None = None

    def all(self) -> Sequence[Collection]:
        found = self._run(_ALL).all()
        self._newest = max((row.generation for row in found), default=0)
        return [_collection(row[1:]) for row in found if row[0]]

    def waiting(self) -> int:
        return int(self._run(_WAITING).scalar_one())

    def add(self, space: Space, *, ready: bool) -> int:
        if self._newest is None:
            self.all()
        generation = 1 + (self._newest or 0)  # as it was read: two that read the same can't both add
        row = {"model": space.model, "dimension": space.dimension, "version": space.version}
        at = {"asked_at": now(), "told_at": now() if ready else None, "ready_at": now() if ready else None}
        self._run(sa.insert(t).values(generation=generation, position="", **row, **at))
        return generation

    def retire(self, generation: int) -> None:
        self._run(_RETIRE, number=generation)

    def begin(self, read: Collection, *, total: int) -> bool:
        return self._changed(_BEGIN, number=read.generation, begun=read.beginnings, all=total)

    def move(self, read: Collection, *, position: str, told: int) -> bool:
        return self._changed(_MOVE, **_read(read), reached=position, more=told)

    def told_all(self, read: Collection) -> bool:
        return self._changed(_TOLD_ALL, **_read(read))

    def switch(self, generation: int) -> bool:
        switched = self._changed(_SWITCH, number=generation)
        if switched:
            self._run(_RETIRE_OLDER, number=generation)
        return switched

    def fails(self, generation: int, problem: str | None) -> None:
        self._run(_FAILS, number=generation, why=problem)

    def removed(self, generation: int) -> None:
        self._run(_REMOVED, number=generation)

    def _run(self, statement: sa.Executable, **values: object) -> sa.CursorResult[Any]:
        return self._connection.execute(statement, values)

    def _changed(self, statement: sa.Executable, **values: object) -> bool:
        return self._run(statement, **values).rowcount == 1


class SqlCollectionStore:
    """`CollectionStore` over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, work: Callable[[CollectionRows], T]) -> T:
        return await self._database.read(lambda connection: work(SqlCollections(connection)), user_id=None)

    async def write(self, work: Callable[[CollectionRows], T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._database.write(
                    lambda connection: work(SqlCollections(connection)), user_id=None
                )
            except IntegrityError as error:
                if attempt == ATTEMPTS or not is_unique_violation(error):
                    raise
        raise AssertionError("a loop that always returns or raises")


def _collection(row: Sequence[Any]) -> Collection:
    """A collection from _ALL."""
    model, dimension, version, generation, state, *more = row
    return Collection(Space(model, dimension, version, generation), CollectionState(state), *more)


def _read(collection: Collection) -> dict[str, object]:
    return {
        "number": collection.generation,
        "begun": collection.beginnings,
        "read": collection.position,
    }

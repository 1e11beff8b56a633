"""The collections of the index as rows: which one serves searches, which one is filled, and how one follows another.

A collection is one generation of one space. Every process reads the same rows; what happens to a collection is one
transaction each, and the index itself is only touched between them:

    asked --begin--> telling --told_all--> filling --switch--> ready --(the next switch)--> retired --> removed
                        ^ begin again, also while ready: the index has lost it

- asked: a start with another model, or `codelab memory reindex`. At most one is on its way to ready; a start with
  a third model retires it.
- telling: all memories are put into the outbox, a few at a time; `position` is how far that has come. Whoever has
  told a few moves it on, if it is still where they read it.
- filling: all were told; writers write what they take from the outbox to every living collection. They read
  which ones those are after they took it. So what is taken before a row is committed is told again, and what is
  taken later is written to the new collection too: nothing is missed, whoever is slow.
- ready: nothing of what was told waits any more, but for texts that the model refuses. The switch retires all older
  ones in the same transaction.
- A ready one that the index has lost (it is not there, or damaged) is told again while it serves. That is said
  here before the index makes it anew: a crash between the two makes it begin once more.

The first collection of a deployment is born ready; what it lacks is told like what was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from domain.memory.ports import Space

T = TypeVar("T")


class CollectionState(StrEnum):
    """Where a collection stands; see the module."""

    ASKED = "ASKED"
    TELLING = "TELLING"
    FILLING = "FILLING"
    READY = "READY"
    RETIRED = "RETIRED"


@dataclass(frozen=True, slots=True)
class Collection:
    """One generation of a space.

    `beginnings` counts how often it was begun, each time empty; `told` of `total` memories were put into the
    outbox since; `problem` says why it is not filled. Times are seconds: `served_after_s` from being asked for to
    ready, `retired_s` since it was retired.
    """

    space: Space
    state: CollectionState
    is_told: bool = False
    beginnings: int = 0
    position: str = ""
    total: int = 0
    told: int = 0
    problem: str | None = None
    served_after_s: float | None = None
    retired_s: float | None = None

    @property
    def generation(self) -> int:
        """Its number among all collections; later ones have higher numbers."""
        return self.space.generation

    @property
    def is_ready(self) -> bool:
        """Whether it serves searches."""
        return self.state is CollectionState.READY

    @property
    def lives(self) -> bool:
        """Whether what changes is written to it."""
        return self.state is not CollectionState.RETIRED


class CollectionRows(Protocol):
    """The collections inside one transaction. They belong to the deployment and say nothing of anybody."""

    def all(self) -> Sequence[Collection]:
        """Those that the index may hold, the oldest first."""

    def waiting(self) -> int:
        """How much the index must still hear of, due or not; what was refused is not waited for."""

    def add(self, space: Space, *, ready: bool) -> int:
        """A new one, asked for now; its generation, which is higher than any before."""

    def retire(self, generation: int) -> None:
        """Give up one that is not ready."""

    def begin(self, read: Collection, *, total: int) -> bool:
        """It is empty: tell everything, `total` memories, from the start. False when it was begun since it was read."""

    def move(self, read: Collection, *, position: str, told: int) -> bool:
        """So many more were told, up to a position; False when it is not any more as it was read."""

    def told_all(self, read: Collection) -> bool:
        """Everything was told; False when it is not any more as it was read."""

    def switch(self, generation: int) -> bool:
        """Let it serve and retire the older ones; False while something of what was told waits."""

    def fails(self, generation: int, problem: str | None) -> None:
        """Note why it is not filled, or that it is again."""

    def removed(self, generation: int) -> None:
        """The index does not hold it any more."""


class CollectionStore(Protocol):
    """Runs transactions on the collections."""

    async def read(self, work: Callable[[CollectionRows], T]) -> T:
        """Run one read in a view of its own.

        Raises:
            Unavailable: the database does not answer.
        """

    async def write(self, work: Callable[[CollectionRows], T]) -> T:
        """Run a transaction; `work` runs again when another process was faster.

        Raises:
            Unavailable: the database does not answer.
        """


def want(rows: CollectionRows, space: Space) -> None:
    """Have the memories in a space: once at each start, with the configured one. The last start to say so counts."""
    living = [it for it in rows.all() if it.lives]
    if not living:
        rows.add(space, ready=True)
        return
    if living[-1].space.compares_with(space):
        return
    for it in living:
        if not it.is_ready:
            rows.retire(it.generation)
    if not any(it.is_ready and it.space.compares_with(space) for it in living):
        rows.add(space, ready=False)


def reindex(rows: CollectionRows) -> tuple[Collection, bool] | None:
    """Have the memories in a new collection of their space; that one, and whether it was under way already.

    None when there is no collection yet, and nothing to be made anew.
    """
    living = [it for it in rows.all() if it.lives]
    if not living:
        return None
    if not living[-1].is_ready:
        return living[-1], True
    rows.add(living[-1].space, ready=False)
    return rows.all()[-1], False

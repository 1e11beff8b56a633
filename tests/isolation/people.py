"""Two people and what they own, by name."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from graphql_api.schema.ids import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who asks."""

    name: str
    email: str
    password: str
    user_id: UUID
    token: str
    refresh_token: str
    link_token: str
    link: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One project of a person, with a thing of every kind in it. `mark` is part of every text in it.

    `session` has finished and failed answers and a branch, `busy_session` one that is being written
    and one that waits; `memory` was learned from it. `gone` were deleted.
    """

    person: Person
    mark: str
    project: UUID
    agent: UUID
    session: UUID
    busy_session: UUID
    question: UUID
    answer: UUID
    run: UUID
    failed_run: UUID
    running_run: UUID
    running_answer: UUID
    memory: UUID
    gone: tuple[tuple[Kind, UUID], ...]

    @property
    def handle(self) -> str:
        """The handle that only `agent` has."""
        return self.mark


@dataclass(frozen=True, slots=True)
class People:
    """Each with two projects."""

    alice: tuple[Place, Place]
    bob: tuple[Place, Place]

    def others(self, it: Place) -> tuple[Place, Place]:
        """The places of the other person."""
        return self.bob if it in self.alice else self.alice

    def elsewhere(self, it: Place) -> Place:
        """The other project of the same person."""
        mine = self.alice if it in self.alice else self.bob
        return mine[1] if it == mine[0] else mine[0]

"""Deleting while others send: whatever was admitted is cancelled, and nothing is admitted afterwards."""

from __future__ import annotations

from uuid import UUID

import pytest

from domain.agents.delete import delete_agent
from domain.projects.delete import delete_project
from domain.scopes import ProjectTx
from domain.tasks.ports import OpenTask
from tests.persistence.databases import Stored
from tests.persistence.people import Conversation, People, reading, together

SENDERS = 20

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("what", ["agent", "project"])
async def test_a_deletion_cancels_exactly_what_was_admitted(postgres: Stored, what: str) -> None:
    people = People(postgres)
    scope = await people.person()
    project_id = await people.project(scope)
    agents = [await people.agent(scope, project_id) for _ in range(2)]
    cancelled: list[UUID] = []

    def cancel(_: ProjectTx, task: OpenTask) -> None:
        cancelled.append(task.id)

    async def send(number: int) -> list[object]:
        doorway, agent_id = people.again(scope), agents[0 if what == "agent" else number % 2]
        sent: list[object] = []
        for _ in range(5):
            sent += await together([people.conversation(doorway, project_id, agent_id)])
        return sent

    async def delete(_: int) -> list[object]:
        while len(await open_tasks()) < SENDERS:  # in the middle of it
            pass
        cancelled.clear()
        if what == "agent":
            await delete_agent(people.again(scope), agents[0], cancel=cancel)
        else:
            await delete_project(people.again(scope), project_id, cancel=cancel)
        return []

    async def open_tasks() -> list[UUID]:
        found = await reading(people.again(scope), lambda tx: tx.project(project_id).tasks.open_of_project())
        return [task.id for task in found]

    outcomes = await together([*(send(number) for number in range(SENDERS)), delete(0)])

    sent = [each for outcome in outcomes if isinstance(outcome, list) for each in outcome]
    admitted = [each.task_id for each in sent if isinstance(each, Conversation)]
    assert SENDERS <= len(admitted) < SENDERS * 5, "the deletion came in the middle"
    assert sorted(cancelled) == sorted(admitted) == sorted(await open_tasks())

"""Settings of versions are read once, kept within bounds, and never another owner's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from domain.agents.entities import AgentSettings
from domain.agents.inputs import AgentInput
from domain.agents.update import update_agent
from domain.agents.versions import CACHE_TTL, AgentVersions
from persistence.scopes import SqlUserScope
from tests.persistence.people import People, executed


class Reader:
    """Asks for an agent's settings and counts what reaches the database."""

    def __init__(self, people: People, scope: SqlUserScope, project_id: UUID, agent_id: UUID) -> None:
        self.people, self.scope, self.project_id, self.agent_id = people, scope, project_id, agent_id
        self.versions = AgentVersions(clock=people.stored.clock)

    async def settings(
        self, version: int = 1, scope: SqlUserScope | None = None
    ) -> tuple[AgentSettings | None, int]:
        doorway = scope or self.scope
        with executed(self.people.stored.database) as statements:
            found = await self.versions.settings(
                doorway, project_id=self.project_id, agent_id=self.agent_id, version=version
            )
            await doorway.aclose()
        return found, len([s for s in statements if "agent_versions" in s])


@pytest.fixture
async def reader(people: People) -> Reader:
    scope = await people.person()
    project_id = await people.project(scope)
    return Reader(people, scope, project_id, await people.agent(scope, project_id, AgentInput(name="A")))


async def test_a_version_is_read_once(reader: Reader) -> None:
    first, read = await reader.settings()
    second, again = await reader.settings()

    assert first is not None
    assert first.name == "A"
    assert second is first
    assert (read, again) == (1, 0)


async def test_an_edit_is_a_new_version_and_the_old_one_stays_true(reader: Reader) -> None:
    old, _ = await reader.settings()
    await update_agent(reader.scope, reader.agent_id, AgentInput(role="new"), expected_version=1)

    new, read = await reader.settings(2)

    assert old is not None
    assert new == replace(old, role="new")
    assert read == 1
    assert await reader.settings(1) == (old, 0)


async def test_another_user_gets_nothing_from_the_cache(reader: Reader) -> None:
    await reader.settings()

    assert await reader.settings(scope=await reader.people.person()) == (None, 1)


async def test_what_is_not_there_is_asked_for_again(reader: Reader) -> None:
    assert await reader.settings(9) == (None, 1)
    assert await reader.settings(9) == (None, 1)


async def test_settings_are_kept_for_five_minutes(reader: Reader) -> None:
    assert timedelta(minutes=5) == CACHE_TTL
    await reader.settings()
    reader.people.stored.clock.advance(299)
    assert (await reader.settings())[1] == 0

    reader.people.stored.clock.advance(1)

    assert (await reader.settings())[1] == 1


async def test_the_least_recently_used_version_leaves_a_full_cache(reader: Reader) -> None:
    reader.versions = AgentVersions(clock=reader.people.stored.clock, size=2)
    for version in (1, 2):
        await update_agent(reader.scope, reader.agent_id, AgentInput(), expected_version=version)
    for version in (1, 2, 1, 3):
        await reader.settings(version)

    assert [(await reader.settings(version))[1] for version in (1, 3, 2)] == [0, 0, 1]

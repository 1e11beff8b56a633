"""Agents and their versions: what is read is what was saved, versions only grow, the buried are gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from domain.agents.entities import Agent, AgentSettings, AgentStatistics, AgentTool, Queue
from domain.errors import Conflict
from domain.folding import folded
from domain.models.entities import ModelRef
from domain.pages import PageRequest
from domain.scopes import UserTx
from domain.tasks.entities import TaskStatus
from persistence.scopes import SqlUserScope
from persistence.statements import Rows, param, update
from persistence.tables.engine import tasks
from persistence.transactions import SqlUserTx
from tests.persistence.people import Conversation, People, converse, executed, reading, the_agent, together

SETTINGS = AgentSettings(
    name="Мой кодер",
    handle="Мой_кодер",
    role="Пишет код",
    capabilities=("python", "код"),
    system_prompt="Line one.\nLine «two».",
    model=ModelRef("openai", "openrouter/openai/gpt-4.1"),
    temperature=0.1,
    max_tokens=100,
    concurrency_limit=2,
    tools=(AgentTool("chart", enabled=True), AgentTool("python", enabled=False)),
)


_END = (
    update(tasks)
    .where(tasks.c.id == param("id"))
    .values(status=TaskStatus.SUCCEEDED, started_at=param("begin"), finished_at=param("end"))
)


async def add(
    scope: SqlUserScope, project_id: UUID, agent_id: UUID, settings: AgentSettings = SETTINGS
) -> None:
    def work(tx: UserTx) -> None:
        tx.project(project_id).agents.add(
            agent_id, settings, handle_folded=folded(settings.handle), is_active=True
        )

    await scope.write(work)


async def save(
    scope: SqlUserScope, project_id: UUID, agent_id: UUID, settings: AgentSettings, *, expected: int
) -> bool:
    def work(tx: UserTx) -> bool:
        return tx.project(project_id).agents.save(
            agent_id,
            settings,
            handle_folded=folded(settings.handle),
            is_active=False,
            expected_version=expected,
        )

    return await scope.write(work)


@pytest.fixture
async def scope(people: People) -> SqlUserScope:
    """A user's doorway."""
    return await people.person()


@pytest.fixture
async def project_id(people: People, scope: SqlUserScope) -> UUID:
    """The user's project."""
    return await people.project(scope)


async def test_an_agent_is_read_as_it_was_added(
    people: People, scope: SqlUserScope, project_id: UUID
) -> None:
    agent_id = people.new_id()

    await add(scope, project_id, agent_id)

    found = await the_agent(scope, project_id, agent_id)
    assert found == Agent(
        agent_id, project_id, 1, True, SETTINGS, Queue(0, 0, 2, 0), found.created_at, found.updated_at
    )
    assert abs(found.created_at - people.stored.clock()) < timedelta(minutes=1)


async def test_agents_of_another_project_and_of_another_user_are_unknown(
    people: People, scope: SqlUserScope, project_id: UUID
) -> None:
    agent_id = people.new_id()
    await add(scope, project_id, agent_id)
    elsewhere, stranger = await people.project(scope, "Elsewhere"), await people.person()

    for doorway, project in ((scope, elsewhere), (stranger, project_id)):

        def work(tx: UserTx, project: UUID = project) -> list[object]:
            agents = tx.project(project).agents
            return [
                agents.many({agent_id}),
                agents.by_handle(folded(SETTINGS.handle)),
                list(agents.active()),
                list(agents.handles()),
                agents.version(agent_id, 1),
                agents.versions(agent_id, PageRequest()).total,
                agents.statistics({agent_id}),
                agents.page(PageRequest()).total,
                agents.count(),
            ]

        assert await reading(doorway, work) == [{}, None, [], [], None, 0, {}, 0, 0]
        assert not await save(doorway, project, agent_id, SETTINGS, expected=1)
        assert not await doorway.write(lambda tx, project=project: tx.project(project).agents.bury(agent_id))  # type: ignore[misc]  # mypy can't infer a lambda with a default


async def test_a_page_holds_the_agents_oldest_first_with_their_queues_in_one_statement(
    people: People, scope: SqlUserScope, project_id: UUID
) -> None:
    ids = [people.new_id() for _ in range(3)]
    for number, agent_id in enumerate(ids):
        people.stored.clock.advance(1)
        await add(scope, project_id, agent_id, replace(SETTINGS, handle=f"h{number}"))
    await scope.write(lambda tx: tx.project(project_id).slots.take_running(ids[1]))

    with executed(people.stored.database) as statements:
        page = await reading(scope, lambda tx: tx.project(project_id).agents.page(PageRequest(2)))
        many = await reading(scope, lambda tx: tx.project(project_id).agents.many(ids))
        none = await reading(scope, lambda tx: tx.project(project_id).agents.many([]))

    assert [agent.id for agent in page.nodes] == ids[:2]
    assert page.total == 3
    assert page.nodes[1].queue == Queue(0, 1, 2, 0)
    assert set(many) == set(ids)
    assert none == {}
    assert len([s for s in statements if "agents" in s]) == 2


async def test_active_agents_and_handles_are_listed_in_order(
    people: People, scope: SqlUserScope, project_id: UUID
) -> None:
    ids = [people.new_id() for _ in range(3)]
    for agent_id, handle in zip(ids, ("b", "Ёж", "A"), strict=True):
        people.stored.clock.advance(1)
        await add(scope, project_id, agent_id, replace(SETTINGS, handle=handle))
    await save(scope, project_id, ids[1], replace(SETTINGS, handle="Ёж"), expected=1)

    active = await reading(scope, lambda tx: tx.project(project_id).agents.active())
    handles = await reading(scope, lambda tx: tx.project(project_id).agents.handles())

    assert [agent.id for agent in active] == [ids[0], ids[2]]
    assert list(handles) == ["A", "b", "Ёж"]


async def test_an_agent_is_found_by_its_folded_handle(
    people: People, scope: SqlUserScope, project_id: UUID
) -> None:
    agent_id = people.new_id()
    await add(scope, project_id, agent_id)

    found = await reading(scope, lambda tx: tx.project(project_id).agents.by_handle(folded("МОЙ_КОДЕР")))

    assert found is not None
    assert found.id == agent_id
    assert await reading(scope, lambda tx: tx.project(project_id).agents.by_handle("other")) is None


async def test_a_taken_handle_is_a_conflict_in_its_project_only(
    people: People, scope: SqlUserScope, project_id: UUID
) -> None:
    other = people.new_id()
    await add(scope, project_id, people.new_id())
    await add(scope, project_id, other, replace(SETTINGS, handle="other"))

    with pytest.raises(Conflict, match="this handle already"):
        await add(scope, project_id, people.new_id(), replace(SETTINGS, handle="МОЙ_КОДЕР"))
    with pytest.raises(Conflict, match="this handle already"):
        await save(scope, project_id, other, SETTINGS, expected=1)
    await add(scope, await people.project(scope, "Elsewhere"), people.new_id())

    assert (await the_agent(scope, project_id, other)).version == 1


async def test_an_edit_makes_the_next_version_and_keeps_the_old_one(
    people: People, scope: SqlUserScope, project_id: UUID
) -> None:
    agent_id = people.new_id()
    await add(scope, project_id, agent_id)
    new = replace(SETTINGS, name="Other", handle="other", concurrency_limit=5, tools=())
    people.stored.clock.advance(1)

    assert await save(scope, project_id, agent_id, new, expected=1)
    assert not await save(scope, project_id, agent_id, SETTINGS, expected=1)

    agent = await the_agent(scope, project_id, agent_id)
    assert (agent.version, agent.settings, agent.is_active) == (2, new, False)
    assert agent.queue.running_limit == 5
    assert agent.updated_at > agent.created_at
    versions = await reading(
        scope, lambda tx: tx.project(project_id).agents.versions(agent_id, PageRequest())
    )
    assert [(each.version, each.settings) for each in versions.nodes] == [(2, new), (1, SETTINGS)]
    assert (
        await reading(scope, lambda tx: tx.project(project_id).agents.version(agent_id, 1))
        == versions.nodes[1]
    )
    assert await reading(scope, lambda tx: tx.project(project_id).agents.version(agent_id, 3)) is None


async def test_versions_are_paged_newest_first(people: People, scope: SqlUserScope, project_id: UUID) -> None:
    agent_id = people.new_id()
    await add(scope, project_id, agent_id)
    for version in range(1, 5):
        await save(scope, project_id, agent_id, SETTINGS, expected=version)

    async def page(request: PageRequest) -> list[int]:
        found = await reading(scope, lambda tx: tx.project(project_id).agents.versions(agent_id, request))
        assert found.total == 5
        positions.extend(found.positions)
        return [each.version for each in found.nodes]

    positions: list[str] = []
    assert await page(PageRequest(3)) == [5, 4, 3]
    assert await page(PageRequest(3, positions[2])) == [2, 1]
    assert await page(PageRequest(2, positions[2], backward=True)) == [5, 4]


async def test_an_edit_forgives_failures(people: People, scope: SqlUserScope, project_id: UUID) -> None:
    agent_id = people.new_id()
    await add(scope, project_id, agent_id)

    def fail(tx: UserTx) -> None:
        for _ in range(3):
            tx.project(project_id).slots.take_running(agent_id)
            tx.project(project_id).slots.finish(agent_id, succeeded=False, seconds=1)

    await scope.write(fail)
    assert (await the_agent(scope, project_id, agent_id)).queue.status == "ERROR"

    await save(scope, project_id, agent_id, SETTINGS, expected=1)

    assert (await the_agent(scope, project_id, agent_id)).queue.status == "READY"


async def test_of_concurrent_edits_one_wins(people: People, scope: SqlUserScope, project_id: UUID) -> None:
    agent_id = people.new_id()
    await add(scope, project_id, agent_id)

    outcomes = await together(
        save(people.again(scope), project_id, agent_id, replace(SETTINGS, name=f"Edit {n}"), expected=1)
        for n in range(8)
    )

    assert sorted(map(bool, outcomes)) == [False] * 7 + [True]
    agent = await the_agent(scope, project_id, agent_id)
    assert agent.version == 2
    assert agent.settings.name == f"Edit {outcomes.index(True)}"


async def test_a_buried_agent_is_gone_and_its_handle_is_free(
    people: People, scope: SqlUserScope, project_id: UUID
) -> None:
    agent_id, again = people.new_id(), people.new_id()
    await add(scope, project_id, agent_id)

    assert await scope.write(lambda tx: tx.project(project_id).agents.bury(agent_id))
    assert not await scope.write(lambda tx: tx.project(project_id).agents.bury(agent_id))
    await add(scope, project_id, again)

    def work(tx: UserTx) -> list[object]:
        agents = tx.project(project_id).agents
        return [
            list(agents.many({agent_id, again})),
            [agent.id for agent in agents.active()],
            [agent.id for agent in agents.page(PageRequest()).nodes],
            agents.version(agent_id, 1),
            agents.versions(agent_id, PageRequest()).total,
            list(agents.statistics({agent_id, again})),
            agents.count(),
        ]

    assert await reading(scope, work) == [[again], [again], [again], None, 0, [again], 1]
    assert not await save(scope, project_id, agent_id, replace(SETTINGS, handle="zombie"), expected=1)
    assert await scope.write(lambda tx: tx.project(project_id).slots.take_waiting(agent_id)) is None


async def finish_tasks(
    people: People, scope: SqlUserScope, project_id: UUID, agent_id: UUID, count: int
) -> None:
    """Tasks that took 1, 2, 3, ... seconds, the last one the longest."""
    begin = people.stored.clock()

    def work(connection: sa.Connection) -> None:
        rows = Rows(connection, user_id=scope.user_id)
        project = SqlUserTx(rows).project(project_id)
        for number in range(1, count + 1):
            chat = Conversation(*(people.new_id() for _ in range(5)))
            converse(project, agent_id, chat)
            project.slots.leave_waiting(agent_id)
            rows.in_project(project_id).run(
                _END, id=chat.task_id, begin=begin, end=begin + timedelta(seconds=number)
            )

    await people.stored.database.write(work, user_id=scope.user_id)


async def test_statistics_of_an_agent_that_did_nothing_are_empty(
    people: People, scope: SqlUserScope, project_id: UUID
) -> None:
    agent_id = await people.agent(scope, project_id)

    found = await reading(scope, lambda tx: tx.project(project_id).agents.statistics({agent_id}))

    assert found == {agent_id: AgentStatistics(0, 0, None, None, None)}
    assert found[agent_id].error_rate == 0


async def test_statistics_count_and_time_what_was_done_in_one_statement(
    people: People, scope: SqlUserScope, project_id: UUID
) -> None:
    agent_id, idle = await people.agent(scope, project_id), await people.agent(scope, project_id)

    def work(tx: UserTx) -> None:
        slots = tx.project(project_id).slots
        for succeeded, seconds in ((True, 1.0), (False, 2.0), (None, 50.0), (True, 6.0)):
            slots.take_running(agent_id)
            slots.finish(agent_id, succeeded=succeeded, seconds=seconds)

    await scope.write(work)
    await finish_tasks(people, scope, project_id, agent_id, 20)

    with executed(people.stored.database) as statements:
        found = await reading(scope, lambda tx: tx.project(project_id).agents.statistics([agent_id, idle]))
        none = await reading(scope, lambda tx: tx.project(project_id).agents.statistics([]))

    done = found[agent_id]
    assert (done.processed, done.failed, done.mean_s, done.p95_s) == (3, 1, 3.0, 19.0)
    assert done.error_rate == pytest.approx(1 / 3)
    assert done.last_active_at is not None
    assert found[idle].p95_s is None
    assert none == {}
    assert len([s for s in statements if "agent_slots" in s]) == 1


async def test_the_95th_percentile_looks_back_at_a_hundred_tasks(
    people: People, scope: SqlUserScope, project_id: UUID
) -> None:
    agent_id = await people.agent(scope, project_id)

    await finish_tasks(people, scope, project_id, agent_id, 60)
    await finish_tasks(people, scope, project_id, agent_id, 80)  # 140 tasks, each length up to 60 twice

    found = await reading(scope, lambda tx: tx.project(project_id).agents.statistics({agent_id}))

    # the last 100 by their end: 61..80 once, 21..60 twice
    assert found[agent_id].p95_s == 75.0

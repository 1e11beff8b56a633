"""Creating, renaming, configuring and deleting projects, over real databases."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from domain.agents.delete import delete_agent
from domain.agents.starter_pack import STARTER_PACK
from domain.errors import Conflict, Invalid, LimitExceeded, NotFound
from domain.memory.hints import OUTBOX_CHANNEL
from domain.models.entities import ModelRef
from domain.pages import PageRequest
from domain.projects.configure_orchestrator import configure_orchestrator
from domain.projects.create import PROJECT_LIMIT, create_project
from domain.projects.delete import delete_project
from domain.projects.entities import Orchestrator, Project
from domain.projects.inputs import OrchestratorInput, ProjectInput
from domain.projects.update import update_project
from domain.scopes import ProjectTx, UserTx
from domain.tasks.ports import OpenTask
from persistence.scopes import SqlUserScope
from tests.persistence.people import People, reading, together


def cancels_nothing(_: ProjectTx, task: OpenTask) -> None:
    raise AssertionError(f"there is no task {task.id}")


async def projects(scope: SqlUserScope) -> list[Project]:
    page = await reading(scope, lambda tx: tx.projects.page(PageRequest(100)))
    return list(page.nodes)


async def test_a_new_project_comes_with_the_starter_pack(people: People) -> None:
    scope = await people.person()

    project = await create_project(
        scope, ProjectInput(name=" Дом ", workspace_path="/home/me"), new_id=people.new_id
    )

    assert (project.name, project.workspace_path) == ("Дом", "/home/me")
    assert await projects(scope) == [project]
    agents = await reading(scope, lambda tx: tx.project(project.id).agents.active())
    assert [agent.settings for agent in agents] == list(STARTER_PACK)
    assert await reading(scope, lambda tx: tx.project(project.id).orchestrator.get()) == Orchestrator()


async def test_a_project_works_when_an_agent_of_the_starter_pack_is_deleted(people: People) -> None:
    scope = await people.person()
    project = await create_project(scope, ProjectInput(name="P"), new_id=people.new_id)
    agents = await reading(scope, lambda tx: tx.project(project.id).agents.active())

    await delete_agent(scope, agents[0].id, cancel=cancels_nothing)
    await create_project(scope, ProjectInput(name="Q"), new_id=people.new_id)

    left = await reading(scope, lambda tx: tx.project(project.id).agents.handles())
    assert list(left) == ["DataAnalyst", "DocumentWriter"]


async def test_bad_input_makes_no_project_and_names_every_field(people: People) -> None:
    scope = await people.person()

    with pytest.raises(Invalid) as refused:
        await create_project(scope, ProjectInput(workspace_path="relative"), new_id=people.new_id)

    assert [field.path for field in refused.value.fields] == [("name",), ("workspacePath",)]
    assert await projects(scope) == []


async def test_a_name_is_the_users_once(people: People) -> None:
    scope, other = await people.person(), await people.person()
    for owner in (scope, other):
        await create_project(owner, ProjectInput(name="Same"), new_id=people.new_id)

    with pytest.raises(Conflict, match="a project of this name"):
        await create_project(scope, ProjectInput(name="SAME"), new_id=people.new_id)

    assert len(await projects(scope)) == 1


async def test_a_user_has_at_most_a_hundred_projects_however_many_are_created_at_once(people: People) -> None:
    scope = await people.person()

    def fill(tx: UserTx) -> None:
        for number in range(PROJECT_LIMIT - 1):
            tx.projects.add(people.new_id(), name=f"P{number}", workspace_path=None)

    await scope.write(fill)
    outcomes = await together(
        create_project(people.again(scope), ProjectInput(name=f"Late {number}"), new_id=people.new_id)
        for number in range(5)
    )

    assert [o.limit for o in outcomes if isinstance(o, LimitExceeded)] == [PROJECT_LIMIT] * 4
    assert len(await projects(scope)) == PROJECT_LIMIT


async def test_an_update_changes_what_is_given(people: People) -> None:
    scope = await people.person()
    project = await create_project(
        scope, ProjectInput(name="Old", workspace_path="/old"), new_id=people.new_id
    )
    people.stored.clock.advance(1)

    renamed = await update_project(scope, project.id, ProjectInput(name="New"))
    moved = await update_project(scope, project.id, ProjectInput(workspace_path="/new"))
    cleared = await update_project(scope, project.id, ProjectInput(workspace_path=None))

    assert [(p.name, p.workspace_path) for p in (renamed, moved, cleared)] == [
        ("New", "/old"),
        ("New", "/new"),
        ("New", None),
    ]
    assert cleared.updated_at > project.updated_at
    assert await projects(scope) == [cleared]


async def test_a_bad_update_changes_nothing(people: People) -> None:
    scope = await people.person()
    await people.project(scope, "Taken")
    project = await create_project(scope, ProjectInput(name="Mine"), new_id=people.new_id)

    with pytest.raises(Conflict):
        await update_project(scope, project.id, ProjectInput(name="taken"))
    with pytest.raises(Invalid):
        await update_project(scope, project.id, ProjectInput(name=""))

    assert (await projects(scope))[1] == project


async def test_a_deleted_project_is_gone_with_all_its_open_tasks(people: People) -> None:
    scope = await people.person()
    project_id, kept = await people.project(scope, "Gone"), await people.project(scope, "Kept")
    agents = [await people.agent(scope, project_id) for _ in range(2)]
    chats = [await people.conversation(scope, project_id, agent_id) for agent_id in agents]
    cancelled: list[UUID] = []

    count = await delete_project(scope, project_id, cancel=lambda _, task: cancelled.append(task.id))

    assert count == 2
    assert sorted(cancelled) == sorted(chat.task_id for chat in chats)
    assert [project.id for project in await projects(scope)] == [kept]
    assert people.announced.hints == [
        (OUTBOX_CHANNEL, {"wake": True}),
        (
            f"project:{scope.user_id}:{project_id}",
            {"kind": "PROJECT_DELETED", "project_id": str(project_id)},
        ),
    ]


async def test_settings_of_the_orchestrator_are_merged_and_kept(people: People) -> None:
    scope = await people.person()
    project_id = await people.project(scope)

    first = await configure_orchestrator(scope, project_id, OrchestratorInput(prompt="Plan.", max_tasks=5))
    second = await configure_orchestrator(
        scope,
        project_id,
        OrchestratorInput(
            model=ModelRef("openai", "gpt"), approve_from_tasks=1, approve_from_cost_micro_usd=0
        ),
    )

    assert first == replace(Orchestrator(), prompt="Plan.", max_tasks=5)
    assert second == Orchestrator(ModelRef("openai", "gpt"), "Plan.", 1, 0, 5)
    assert await reading(scope, lambda tx: tx.project(project_id).orchestrator.get()) == second


async def test_concurrent_settings_of_the_orchestrator_are_all_kept(people: People) -> None:
    scope = await people.person()
    project_id = await people.project(scope)

    await together(
        configure_orchestrator(people.again(scope), project_id, wanted)
        for wanted in (
            OrchestratorInput(prompt="Plan."),
            OrchestratorInput(max_tasks=7),
            OrchestratorInput(approve_from_tasks=9),
        )
    )

    found = await reading(scope, lambda tx: tx.project(project_id).orchestrator.get())
    assert (found.prompt, found.max_tasks, found.approve_from_tasks) == ("Plan.", 7, 9)


async def test_bad_orchestrator_settings_change_nothing(people: People) -> None:
    scope = await people.person()
    project_id = await people.project(scope)

    with pytest.raises(Invalid) as refused:
        await configure_orchestrator(
            scope, project_id, OrchestratorInput(model=ModelRef("", ""), max_tasks=0)
        )

    assert [field.path for field in refused.value.fields] == [
        ("model", "provider"),
        ("model", "name"),
        ("maxTasks",),
    ]
    assert await reading(scope, lambda tx: tx.project(project_id).orchestrator.get()) == Orchestrator()


async def test_a_foreign_a_deleted_and_an_unknown_project_are_the_same(people: People) -> None:
    scope, stranger = await people.person(), await people.person()
    foreign, deleted = await people.project(scope, "A"), await people.project(scope, "B")
    await delete_project(scope, deleted, cancel=cancels_nothing)

    for doorway, project_id in ((stranger, foreign), (scope, deleted), (scope, people.new_id())):
        for attempt in (
            update_project(doorway, project_id, ProjectInput(name="X")),
            configure_orchestrator(doorway, project_id, OrchestratorInput(prompt="X")),
            delete_project(doorway, project_id, cancel=cancels_nothing),
        ):
            with pytest.raises(NotFound, match=r"^No such project\.$"):
                await attempt

    assert [project.name for project in await projects(scope)] == ["A"]

"""A user's projects: pages, names, what is visible and what is closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from domain.conversations.ports import Advance
from domain.errors import Conflict, Invalid
from domain.models.entities import ModelRef
from domain.pages import Page, PageRequest
from domain.projects.entities import Orchestrator, Project
from domain.scopes import UserTx
from persistence.scopes import SqlUserScope
from tests.persistence.people import Conversation, People, executed, reading


async def page(scope: SqlUserScope, request: PageRequest) -> Page[Project]:
    return await reading(scope, lambda tx: tx.projects.page(request))


def names(found: Page[Project]) -> list[str]:
    return [project.name for project in found.nodes]


async def test_a_project_is_read_as_it_was_added(people: People) -> None:
    scope = await people.person()
    project_id = people.new_id()

    await scope.write(lambda tx: tx.projects.add(project_id, name="Дом", workspace_path="/home"))

    project = (await reading(scope, lambda tx: tx.projects.many({project_id})))[project_id]
    assert (project.id, project.name, project.workspace_path) == (project_id, "Дом", "/home")
    assert project.created_at.utcoffset() is not None
    assert await reading(scope, lambda tx: tx.projects.many([])) == {}


async def test_pages_go_both_ways_and_meet_every_project_once(people: People) -> None:
    scope = await people.person()
    for number in range(5):
        people.stored.clock.advance(number % 2)  # some are made at the same time
        await people.project(scope, f"P{number}")

    first = await page(scope, PageRequest(2))
    second = await page(scope, PageRequest(2, first.positions[-1]))
    third = await page(scope, PageRequest(2, second.positions[-1]))
    back = await page(scope, PageRequest(2, third.positions[0], backward=True))
    last = await page(scope, PageRequest(2, backward=True))

    assert [names(each) for each in (first, second, third)] == [["P0", "P1"], ["P2", "P3"], ["P4"]]
    assert back.nodes == second.nodes
    assert names(last) == ["P3", "P4"]
    assert [(each.has_previous, each.has_next) for each in (first, second, third, back, last)] == [
        (False, True),
        (True, True),
        (True, False),
        (True, True),
        (True, False),
    ]
    assert {each.total for each in (first, second, third, back, last)} == {5}


async def test_a_page_of_size_zero_still_says_how_many_there_are(people: People) -> None:
    scope = await people.person()
    await people.project(scope)

    empty = await page(scope, PageRequest(0))

    assert empty == Page((), (), has_next=True, has_previous=False, total=1)


async def test_an_empty_list_and_an_empty_rest_are_pages(people: People) -> None:
    scope = await people.person()

    assert await page(scope, PageRequest(10)) == Page((), (), has_next=False, has_previous=False, total=0)
    await people.project(scope)
    whole = await page(scope, PageRequest(10))
    assert await page(scope, PageRequest(10, whole.positions[-1])) == Page(
        (), (), has_next=False, has_previous=True, total=1
    )


@pytest.mark.parametrize(
    "position",
    [
        "",
        "garbage",
        "é",
        "=",
        "bnVsbA",  # null
        "W10",  # []
        "WzFd",  # [1]
        "WzEsMl0",  # [1,2]
        "WyJhIiwiYiJd",  # ["a","b"]
        "W251bGwsbnVsbF0",  # [null,null]
        "WzFlOTksIjAiXQ",  # [1e99,"0"]
        "WzkyMjMzNzIwMzY4NTQ3NzU4MDgsICIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMCJd",  # [2^63, uuid]
        "WzkyMjMzNzIwMzY4NTQ3NzU4MDcsICIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMCJd",  # [2^63-1, uuid]
        "W3RydWUsICIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMCJd",  # [true, uuid]
        "x" * 10_000,
        "\0",
    ],
)
async def test_a_position_that_no_page_gave_out_is_refused_by_its_argument(
    people: People, position: str
) -> None:
    scope = await people.person()
    await people.project(scope)

    for backward, path in ((False, "after"), (True, "before")):
        with pytest.raises(Invalid) as refused:
            await page(scope, PageRequest(10, position, backward=backward))
        assert [field.path for field in refused.value.fields] == [(path,)]


async def test_a_page_is_one_statement(people: People) -> None:
    scope = await people.person()
    await people.project(scope)
    whole = await page(scope, PageRequest(10))

    with executed(people.stored.database) as statements:
        await page(scope, PageRequest(10))
        await page(scope, PageRequest(10, whole.positions[0], backward=True))

    assert len([s for s in statements if "projects" in s]) == 3  # the second page is empty and counts


@pytest.mark.parametrize("twin", ["дом", "ДОМ", "Дом"])
async def test_a_name_is_taken_whatever_its_case(people: People, twin: str) -> None:
    scope, other = await people.person(), await people.person()
    await people.project(scope, "Дом")
    second = await people.project(scope, "Second")

    with pytest.raises(Conflict, match="a project of this name already"):
        await people.project(scope, twin)
    with pytest.raises(Conflict):
        await scope.write(lambda tx: tx.projects.save(second, name=twin, workspace_path=None))

    await people.project(other, twin)
    await scope.write(lambda tx: tx.projects.save(second, name="Второй", workspace_path="/x"))
    assert names(await page(scope, PageRequest())) == ["Дом", "Второй"]


async def test_an_id_that_is_used_twice_is_a_bug_and_no_conflict(people: People) -> None:
    scope = await people.person()
    project_id = await people.project(scope, "One")

    with pytest.raises(Exception, match=r"(?i)unique") as failure:
        await scope.write(lambda tx: tx.projects.add(project_id, name="Two", workspace_path=None))

    assert not isinstance(failure.value, Conflict)


async def test_a_buried_project_is_gone_and_its_name_is_free(people: People) -> None:
    scope = await people.person()
    project_id = await people.project(scope, "Name")

    assert await scope.write(lambda tx: tx.projects.bury(project_id))
    assert not await scope.write(lambda tx: tx.projects.bury(project_id))

    again = await people.project(scope, "Name")
    assert [project.id for project in (await page(scope, PageRequest())).nodes] == [again]
    assert await reading(scope, lambda tx: tx.projects.many({project_id})) == {}
    assert await scope.write(lambda tx: tx.projects.lock(project_id)) is None
    assert await scope.write(lambda tx: tx.projects.count()) == 1


async def test_a_save_does_not_bring_a_buried_project_back(people: People) -> None:
    scope = await people.person()
    project_id = await people.project(scope)
    await scope.write(lambda tx: tx.projects.bury(project_id))

    await scope.write(lambda tx: tx.projects.save(project_id, name="Zombie", workspace_path=None))

    assert (await page(scope, PageRequest())).nodes == ()


async def test_burying_a_project_closes_the_slots_of_its_agents_only(people: People) -> None:
    scope = await people.person()
    buried, kept = await people.project(scope, "A"), await people.project(scope, "B")
    inside, outside = await people.agent(scope, buried), await people.agent(scope, kept)

    await scope.write(lambda tx: tx.projects.bury(buried))

    def admits(project_id: UUID, agent_id: UUID) -> Callable[[UserTx], bool]:
        def work(tx: UserTx) -> bool:
            slots = tx.project(project_id).slots
            return slots.take_running(agent_id) is not None or slots.take_waiting(agent_id) is not None

        return work

    assert not await scope.write(admits(buried, inside))
    assert await scope.write(admits(kept, outside))


async def places(scope: SqlUserScope, agent_id: UUID, chat: Conversation) -> list[object]:
    def work(tx: UserTx) -> list[object]:
        session = tx.projects.session(chat.session_id)
        return [
            session.project_id if session else None,
            tx.projects.of_agent(agent_id),
            tx.projects.of_message(chat.question_id),
            tx.projects.of_message(chat.answer_id),
            tx.projects.of_run(chat.run_id),
        ]

    return await reading(scope, work)


async def test_things_are_found_where_they_lie_and_only_by_their_owner(people: People) -> None:
    scope, other = await people.person(), await people.person()
    project_id = await people.project(scope)
    agent_id = await people.agent(scope, project_id)
    chat = await people.conversation(scope, project_id, agent_id)

    place = (project_id, chat.session_id)
    assert await places(scope, agent_id, chat) == [project_id, project_id, place, place, place]
    assert await places(other, agent_id, chat) == [None] * 5


async def test_things_of_a_buried_project_are_not_found(people: People) -> None:
    scope = await people.person()
    project_id = await people.project(scope)
    agent_id = await people.agent(scope, project_id)
    chat = await people.conversation(scope, project_id, agent_id)

    await scope.write(lambda tx: tx.projects.bury(project_id))

    assert await places(scope, agent_id, chat) == [None] * 5


async def test_things_of_a_buried_session_and_a_buried_agent_are_not_found(people: People) -> None:
    scope = await people.person()
    project_id = await people.project(scope)
    agent_id = await people.agent(scope, project_id)
    chat = await people.conversation(scope, project_id, agent_id)

    def bury(tx: UserTx) -> None:
        tx.project(project_id).sessions.advance(chat.session_id, Advance(0, bury=True))
        tx.project(project_id).agents.bury(agent_id)

    await scope.write(bury)

    assert await places(scope, agent_id, chat) == [None] * 5


async def test_the_orchestrator_has_defaults_until_it_is_saved(people: People) -> None:
    scope = await people.person()
    project_id, other_id = await people.project(scope, "A"), await people.project(scope, "B")
    chosen = Orchestrator(ModelRef("openai", "gpt"), "Plan well.", 5, 7, 9)

    async def saved(orchestrator: Orchestrator) -> Orchestrator:
        await scope.write(lambda tx: tx.project(project_id).orchestrator.save(orchestrator))
        return await reading(scope, lambda tx: tx.project(project_id).orchestrator.get())

    assert await saved(chosen) == chosen
    assert await saved(replace(chosen, max_tasks=10)) == replace(chosen, max_tasks=10)

    assert await reading(scope, lambda tx: tx.project(other_id).orchestrator.get()) == Orchestrator()

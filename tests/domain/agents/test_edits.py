"""Creating, editing, restoring and deleting agents, over real databases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from domain.agents.create import AGENT_LIMIT, create_agent
from domain.agents.delete import delete_agent
from domain.agents.entities import Agent, AgentTool
from domain.agents.inputs import DEFAULTS, AgentInput
from domain.agents.restore import restore_agent_version
from domain.agents.update import save, update_agent
from domain.errors import Conflict, Invalid, LimitExceeded, NotFound
from domain.memory.hints import OUTBOX_CHANNEL
from domain.models.entities import ModelRef
from domain.pages import PageRequest
from domain.projects.delete import delete_project
from domain.scopes import ProjectTx, UserTx
from domain.tasks.ports import OpenTask
from persistence.scopes import SqlUserScope
from tests.persistence.people import People, executed, reading, the_agent, together


@dataclass
class Owner:
    """A user with one empty project."""

    people: People
    scope: SqlUserScope
    project_id: UUID

    async def create(self, wanted: AgentInput) -> Agent:
        return await create_agent(self.scope, self.project_id, wanted, new_id=self.people.new_id)

    def heard(self) -> list[object]:
        channel = f"project:{self.scope.user_id}:{self.project_id}"
        hints = [hint for heard, hint in self.people.announced.hints if heard == channel]
        others = [heard for heard, _ in self.people.announced.hints if heard != channel]
        assert set(others) <= {OUTBOX_CHANNEL}
        return [(hint["kind"], hint["agent_id"]) for hint in hints]


def cancels_nothing(_: ProjectTx, task: OpenTask) -> None:
    raise AssertionError(f"there is no task {task.id}")


@pytest.fixture
async def owner(people: People) -> Owner:
    scope = await people.person()
    return Owner(people, scope, await people.project(scope))


# --- create ---


async def test_a_new_agent_has_defaults_a_derived_handle_and_version_one(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name=" Мой кодер "))

    assert agent.settings == replace(DEFAULTS, name="Мой кодер", handle="Мой_кодер")
    assert agent.settings.concurrency_limit == 3
    assert (agent.version, agent.is_active, agent.project_id) == (1, True, owner.project_id)
    assert await the_agent(owner.scope, owner.project_id, agent.id) == agent
    assert owner.heard() == [("AGENT_CHANGED", str(agent.id))]


async def test_derived_handles_are_numbered_and_chosen_ones_conflict(owner: Owner) -> None:
    made = [
        (await owner.create(AgentInput(name=name))).settings.handle for name in ("Coder", "CODER", "coder")
    ]

    assert made == ["Coder", "CODER_2", "coder_3"]
    with pytest.raises(Conflict, match="handle"):
        await owner.create(AgentInput(name="Other", handle="@CODER"))
    assert (await owner.create(AgentInput(name="Coder", handle="@mine"))).settings.handle == "mine"


async def test_every_setting_that_is_given_is_kept(owner: Owner) -> None:
    wanted = AgentInput(
        name="N",
        handle="h",
        role="r",
        capabilities=("c",),
        system_prompt="p",
        model=ModelRef("openai", "m"),
        temperature=2.0,
        max_tokens=1,
        concurrency_limit=10,
        tools=(AgentTool("python", enabled=False),),
        is_active=False,
    )

    agent = await owner.create(wanted)

    for name in AgentInput.__slots__:
        assert getattr(agent if name == "is_active" else agent.settings, name) == getattr(wanted, name)
    assert agent.queue.running_limit == 10


async def test_bad_settings_change_nothing_and_name_every_field(owner: Owner) -> None:
    with pytest.raises(Invalid) as refused:
        await owner.create(AgentInput(temperature=3.0))

    assert [field.path for field in refused.value.fields] == [("name",), ("temperature",)]
    assert await reading(owner.scope, lambda tx: tx.project(owner.project_id).agents.count()) == 0
    assert owner.heard() == []


async def test_an_agent_needs_a_visible_project_of_the_user(owner: Owner) -> None:
    stranger = await owner.people.person()
    for scope, project_id in ((owner.scope, owner.people.new_id()), (stranger, owner.project_id)):
        with pytest.raises(NotFound, match=r"^No such project\.$"):
            await create_agent(scope, project_id, AgentInput(name="A"), new_id=owner.people.new_id)
    await delete_project(owner.scope, owner.project_id, cancel=cancels_nothing)
    with pytest.raises(NotFound, match=r"^No such project\.$"):
        await owner.create(AgentInput(name="A"))


async def test_a_project_holds_a_hundred_agents_however_many_are_created_at_once(owner: Owner) -> None:
    def fill(tx: UserTx) -> None:
        for number in range(AGENT_LIMIT - 2):
            settings = replace(DEFAULTS, name="A", handle=f"a{number}")
            tx.project(owner.project_id).agents.add(
                owner.people.new_id(), settings, handle_folded=settings.handle, is_active=True
            )

    await owner.scope.write(fill)
    outcomes = await together(
        create_agent(
            owner.people.again(owner.scope),
            owner.project_id,
            AgentInput(name=f"Late {number}"),
            new_id=lambda number=number: UUID(int=10_000 + number),  # type: ignore[misc]  # mypy can't infer a lambda with a default
        )
        for number in range(6)
    )

    refusals = [outcome for outcome in outcomes if isinstance(outcome, LimitExceeded)]
    assert [refusal.limit for refusal in refusals] == [AGENT_LIMIT] * 4
    assert await reading(owner.scope, lambda tx: tx.project(owner.project_id).agents.count()) == AGENT_LIMIT


async def test_agents_of_the_same_name_created_at_once_get_handles_of_their_own(owner: Owner) -> None:
    await together(
        create_agent(
            owner.people.again(owner.scope),
            owner.project_id,
            AgentInput(name="Twin"),
            new_id=owner.people.new_id,
        )
        for _ in range(5)
    )

    handles = await reading(owner.scope, lambda tx: tx.project(owner.project_id).agents.handles())
    assert list(handles) == ["Twin", "Twin_2", "Twin_3", "Twin_4", "Twin_5"]


# --- update ---


async def test_an_edit_changes_what_is_given_and_keeps_the_handle_when_renaming(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name="Before", role="tester", concurrency_limit=1))

    edited = await update_agent(
        owner.scope,
        agent.id,
        AgentInput(name="After", concurrency_limit=4, is_active=False),
        expected_version=1,
    )

    assert edited.settings == replace(agent.settings, name="After", concurrency_limit=4)
    assert edited.settings.handle == "Before"
    assert (edited.version, edited.is_active, edited.queue.running_limit) == (2, False, 4)
    assert owner.heard()[-1] == ("AGENT_CHANGED", str(agent.id))


async def test_every_edit_makes_a_version_even_one_that_changes_nothing(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name="A"))

    assert (await update_agent(owner.scope, agent.id, AgentInput(), expected_version=1)).version == 2


async def test_a_stale_edit_is_a_conflict_and_changes_nothing(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name="A"))
    edited = await update_agent(owner.scope, agent.id, AgentInput(role="first"), expected_version=1)

    for stale in (1, 3, 0, -1):
        with pytest.raises(Conflict, match="at version 2 now"):
            await update_agent(owner.scope, agent.id, AgentInput(role="second"), expected_version=stale)

    assert await the_agent(owner.scope, owner.project_id, agent.id) == edited


async def test_two_edits_of_the_same_version_at_once_conflict(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name="A"))

    outcomes = await together(
        update_agent(owner.people.again(owner.scope), agent.id, AgentInput(role=f"r{n}"), expected_version=1)
        for n in range(2)
    )

    winners = [outcome for outcome in outcomes if isinstance(outcome, Agent)]
    assert len(winners) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 1
    assert await the_agent(owner.scope, owner.project_id, agent.id) == winners[0]


async def test_an_edit_that_another_one_overtook_after_it_had_looked_is_a_conflict(owner: Owner) -> None:
    seen = await owner.create(AgentInput(name="A"))
    edited = await update_agent(owner.scope, seen.id, AgentInput(role="faster"), expected_version=1)

    def work(tx: UserTx) -> None:
        save(tx.project(owner.project_id), seen, replace(seen.settings, role="slower"), is_active=True)

    with pytest.raises(Conflict, match=r"edited meanwhile\. Read it again"):
        await owner.scope.write(work)
    assert await the_agent(owner.scope, owner.project_id, seen.id) == edited


async def test_an_edit_checks_the_whole_and_refuses_a_taken_handle(owner: Owner) -> None:
    await owner.create(AgentInput(name="Taken"))
    agent = await owner.create(AgentInput(name="A"))

    with pytest.raises(Invalid):
        await update_agent(owner.scope, agent.id, AgentInput(max_tokens=0), expected_version=1)
    with pytest.raises(Conflict, match="handle"):
        await update_agent(owner.scope, agent.id, AgentInput(handle="TAKEN"), expected_version=1)

    assert await the_agent(owner.scope, owner.project_id, agent.id) == agent


# --- restore ---


async def test_a_restored_version_becomes_the_newest_one(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name="First", handle="first"))
    await update_agent(
        owner.scope, agent.id, AgentInput(name="Second", handle="second", is_active=False), expected_version=1
    )

    restored = await restore_agent_version(owner.scope, agent.id, version=1)

    assert (restored.version, restored.settings, restored.is_active) == (3, agent.settings, False)
    versions = await reading(
        owner.scope, lambda tx: tx.project(owner.project_id).agents.versions(agent.id, PageRequest())
    )
    assert [each.settings.handle for each in versions.nodes] == ["first", "second", "first"]
    by_handle = await reading(owner.scope, lambda tx: tx.project(owner.project_id).agents.by_handle("first"))
    assert by_handle == restored
    assert owner.heard()[-1] == ("AGENT_CHANGED", str(agent.id))


async def test_a_version_whose_handle_is_taken_meanwhile_is_not_restored(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name="A", handle="mine"))
    await update_agent(owner.scope, agent.id, AgentInput(handle="other"), expected_version=1)
    await owner.create(AgentInput(name="B", handle="MINE"))

    with pytest.raises(Conflict, match="handle"):
        await restore_agent_version(owner.scope, agent.id, version=1)


async def test_an_unknown_version_is_not_found(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name="A"))

    for version in (0, 2, -1, 2**62):
        with pytest.raises(NotFound, match=r"^No such agent version\.$"):
            await restore_agent_version(owner.scope, agent.id, version=version)


# --- delete ---


async def test_a_deleted_agent_is_gone_with_its_open_tasks(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name="A"))
    chats = [await owner.people.conversation(owner.scope, owner.project_id, agent.id) for _ in range(2)]
    cancelled: list[UUID] = []

    count = await delete_agent(owner.scope, agent.id, cancel=lambda _, task: cancelled.append(task.id))

    assert count == 2
    assert sorted(cancelled) == sorted(chat.task_id for chat in chats)
    assert await reading(owner.scope, lambda tx: tx.projects.of_agent(agent.id)) is None
    assert owner.heard()[-1] == ("AGENT_DELETED", str(agent.id))


async def test_a_deletion_that_fails_changes_nothing(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name="A"))
    await owner.people.conversation(owner.scope, owner.project_id, agent.id)

    with pytest.raises(AssertionError, match="there is no task"):
        await delete_agent(owner.scope, agent.id, cancel=cancels_nothing)

    found = await the_agent(owner.scope, owner.project_id, agent.id)
    assert found.queue.running_limit == 3
    assert owner.heard() == [("AGENT_CHANGED", str(agent.id))]


async def test_of_two_deletions_one_finds_nothing(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name="A"))

    outcomes = await together(
        delete_agent(owner.people.again(owner.scope), agent.id, cancel=cancels_nothing) for _ in range(2)
    )

    assert sorted(str(outcome) for outcome in outcomes) == ["0", "No such agent."]


async def test_a_foreign_a_deleted_and_an_unknown_agent_are_the_same(owner: Owner) -> None:
    foreign, deleted = await owner.create(AgentInput(name="A")), await owner.create(AgentInput(name="B"))
    await delete_agent(owner.scope, deleted.id, cancel=cancels_nothing)
    stranger = await owner.people.person()

    for scope, agent_id in (
        (stranger, foreign.id),
        (owner.scope, deleted.id),
        (owner.scope, owner.people.new_id()),
    ):
        for attempt in (
            update_agent(scope, agent_id, AgentInput(role="x"), expected_version=1),
            restore_agent_version(scope, agent_id, version=1),
            delete_agent(scope, agent_id, cancel=cancels_nothing),
        ):
            with pytest.raises(NotFound, match=r"^No such agent\.$"):
                await attempt

    assert await the_agent(owner.scope, owner.project_id, foreign.id) == foreign


async def test_an_edit_takes_few_statements(owner: Owner) -> None:
    agent = await owner.create(AgentInput(name="A"))

    with executed(owner.people.stored.database) as statements:
        await update_agent(owner.scope, agent.id, AgentInput(role="x"), expected_version=1)

    assert len([s for s in statements if "set_config" not in s]) == 6

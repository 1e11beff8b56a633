"""Memory from end to end, on both databases: written, found, used, replaced, forgotten, and never lost."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from domain.agents.delete import delete_agent
from domain.bus.claim import agent_changed
from domain.bus.close import close_task
from domain.conversations.entities import MessageStatus
from domain.errors import Invalid, LimitExceeded, NotFound
from domain.events.kinds import MemoryRecalled
from domain.memory import forget
from domain.memory.edit import edit_memory, pin_memory
from domain.memory.entities import MAX_QUERY, MAX_TEXT, Memory, MemoryFilter, MemoryKind
from domain.memory.forget import clear_memory, forget_memory
from domain.memory.hints import OUTBOX_CHANNEL
from domain.memory.ports import Tenant
from domain.memory.prune import Prune
from domain.memory.recall import Question
from domain.memory.remember import Remember
from domain.memory.similar import subject_of
from domain.models.ports import ModelProblem, ModelProblemKind
from domain.pages import PageRequest
from domain.projects.delete import delete_project
from tests.worlds import Owner, World, until


@pytest.fixture
async def owner(world: World) -> Owner:
    return await world.owner("coder", "writer")


async def noted(world: World, owner: Owner, text: str, agent: str = "coder") -> Memory:
    """A note that the index has heard of."""
    async with world.projecting():
        return await world.remember.note(world.scope(owner), owner.agents[agent], text)


async def everything(world: World, owner: Owner, agent: str = "coder") -> list[Memory]:
    page = await world.read(
        owner, lambda p: p.memories.page(owner.agents[agent], MemoryFilter(), PageRequest(100))
    )
    return list(page.nodes)


async def search(world: World, owner: Owner, text: str, agent: str = "coder") -> list[str]:
    question = Question(owner.project_id, owner.agents[agent], text)
    return [it.memory.text for it in await world.recall(world.scope(owner), question)]


async def test_a_note_is_found_by_its_words_as_soon_as_it_is_stored(world: World, owner: Owner) -> None:
    note = await noted(world, owner, "  The staging server is called Heron  ")
    await noted(world, owner, "Lunch is at noon")

    assert (note.text, note.kind, note.indexed) == (
        "The staging server is called Heron",
        MemoryKind.NOTE,
        True,
    )
    assert (await search(world, owner, "which server is staging"))[0] == note.text
    assert await search(world, owner, "server", agent="writer") == []


async def test_the_same_note_twice_is_one_that_counts_two(world: World, owner: Owner) -> None:
    first = await noted(world, owner, "Deploy on Fridays")
    again = await noted(world, owner, "deploy  on fridays")

    assert again.id == first.id
    assert again.occurrences == 2
    assert len(await everything(world, owner)) == 1


async def test_a_newer_fact_replaces_the_older_one_and_keeps_it(world: World, owner: Owner) -> None:
    old = await noted(world, owner, "My favourite colour is blue")
    new = await noted(world, owner, "My favourite colour is green")
    await world.indexed()

    kept = {memory.id: memory for memory in await everything(world, owner)}
    assert kept[old.id].superseded_by == new.id
    assert await search(world, owner, "favourite colour") == [new.text]
    assert await world.index.count(world.embedder.space) == 1


async def colours(world: World, owner: Owner, *names: str) -> list[Memory]:
    """Facts of which each replaces the one before."""
    found = [await noted(world, owner, f"My favourite colour is {name}") for name in names]
    await world.indexed()
    return found


async def standing(world: World, owner: Owner) -> set[str]:
    """What stands, by the rows and by the index alike."""
    await world.indexed()
    by_rows = {it.text for it in await everything(world, owner) if it.superseded_by is None}
    assert by_rows == set(await search(world, owner, "favourite colour"))
    return {text.split()[-1] for text in by_rows}


async def test_what_a_forgotten_fact_had_replaced_stands_again(world: World, owner: Owner) -> None:
    _, new = await colours(world, owner, "blue", "green")

    await forget_memory(world.scope(owner), new.id)

    assert await standing(world, owner) == {"blue"}
    assert all(it.indexed for it in await everything(world, owner))


@pytest.mark.parametrize(
    ("forgotten", "left"),
    [((1,), {"red"}), ((2,), {"green"}), ((1, 2), {"blue"}), ((0, 2), {"green"}), ((0, 1, 2), set())],
)
async def test_of_several_facts_the_newest_that_is_left_stands(
    world: World, owner: Owner, forgotten: tuple[int, ...], left: set[str]
) -> None:
    facts = await colours(world, owner, "blue", "green", "red")

    await world.write(owner, lambda p: p.memories.forget([facts[place].id for place in forgotten]))

    assert await standing(world, owner) == left
    kept = await everything(world, owner)
    assert {it.superseded_by for it in kept} <= {None, *(it.id for it in kept)}


async def test_what_is_edited_stands_and_replaces_what_had_replaced_it(world: World, owner: Owner) -> None:
    old, new = await colours(world, owner, "blue", "green")

    await edit_memory(world.scope(owner), old.id, "My favourite colour is red")

    assert await standing(world, owner) == {"red"}
    await forget_memory(world.scope(owner), old.id)
    assert await standing(world, owner) == {"green"}
    assert [it.id for it in await everything(world, owner)] == [new.id]


@pytest.mark.timeout(60)
async def test_memories_that_replaced_each_other_are_forgotten_like_others(
    world: World, owner: Owner
) -> None:
    facts = await colours(world, owner, "blue", "green", "red")
    subject = subject_of(facts[1].text)
    assert subject is not None
    await world.write(
        owner, lambda p: p.memories.supersede(owner.agents["coder"], subject=subject, by=facts[1].id)
    )

    await world.write(owner, lambda p: p.memories.forget([facts[1].id, facts[2].id]))

    assert await standing(world, owner) == {"blue"}


async def test_an_edited_memory_is_found_by_its_new_words_only(world: World, owner: Owner) -> None:
    note = await noted(world, owner, "The door code is four")

    async with world.projecting():
        edited = await edit_memory(world.scope(owner), note.id, "Bananas ripen quickly")

    assert (edited.text, edited.indexed, edited.version) == ("Bananas ripen quickly", True, 2)
    assert await search(world, owner, "bananas") == ["Bananas ripen quickly"]
    assert await search(world, owner, "door code") == []


async def test_what_is_forgotten_is_gone_from_the_index_too(world: World, owner: Owner) -> None:
    note, other = await noted(world, owner, "Forget the penguin"), await noted(world, owner, "Keep the whale")

    await forget_memory(world.scope(owner), note.id)
    await world.indexed()

    assert [memory.id for memory in await everything(world, owner)] == [other.id]
    assert [key[2] for key in world.index.points] == [other.id]
    with pytest.raises(NotFound):
        await forget_memory(world.scope(owner), note.id)


async def test_clearing_removes_all_of_one_agent(world: World, owner: Owner) -> None:
    await noted(world, owner, "One")
    await noted(world, owner, "Two")
    kept = await noted(world, owner, "Three", agent="writer")

    cleared = await clear_memory(world.scope(owner), owner.agents["coder"])
    await world.indexed()

    assert cleared == 2
    assert await everything(world, owner) == []
    assert [key[2] for key in world.index.points] == [kept.id]


async def test_clearing_goes_in_small_transactions_until_nothing_is_left(
    world: World, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forget, "BATCH", 2)
    for word in WORDS[:5]:
        await noted(world, owner, f"Note {word}")

    assert await clear_memory(world.scope(owner), owner.agents["coder"]) == 5

    await world.indexed()
    assert await everything(world, owner) == []
    assert not world.index.points


async def test_a_pinned_memory_is_never_the_least_valuable(world: World, owner: Owner) -> None:
    notes = [await noted(world, owner, text) for text in ("First thing", "Second matter", "Third affair")]
    pinned = await pin_memory(world.scope(owner), notes[0].id, pinned=True)

    least = await world.read(owner, lambda p: p.memories.least_valuable(owner.agents["coder"], limit=9))

    assert pinned.pinned
    assert list(least) == [notes[1].id, notes[2].id]


@pytest.mark.parametrize("text", ["", "  \n", "x" * (MAX_TEXT + 1)])
async def test_an_empty_or_oversized_text_is_invalid_and_stores_nothing(
    world: World, owner: Owner, text: str
) -> None:
    with pytest.raises(Invalid):
        await world.remember.note(world.scope(owner), owner.agents["coder"], text)

    assert await everything(world, owner) == []


async def test_a_full_memory_takes_no_more_notes(world: World, owner: Owner) -> None:
    await noted(world, owner, "The only one")
    remember = Remember(new_id=world.new_id, limit=1)

    with pytest.raises(LimitExceeded) as refused:
        await remember.note(world.scope(owner), owner.agents["coder"], "One too many")

    assert refused.value.limit == 1


async def test_another_users_memory_and_agent_are_unknown(world: World, owner: Owner) -> None:
    stranger, note = await world.owner(), await noted(world, owner, "Private")

    for act in (
        edit_memory(world.scope(stranger), note.id, "Mine now"),
        pin_memory(world.scope(stranger), note.id, pinned=True),
        forget_memory(world.scope(stranger), note.id),
        clear_memory(world.scope(stranger), owner.agents["coder"]),
        world.remember.note(world.scope(stranger), owner.agents["coder"], "Planted"),
    ):
        with pytest.raises(NotFound):
            await act
    question = Question(owner.project_id, owner.agents["coder"], "Private")
    assert await world.recall(world.scope(stranger), question) == ()


async def test_an_answer_is_learned_and_reminds_the_agent_the_next_time(world: World, owner: Owner) -> None:
    session = await world.session(owner)
    world.model.pieces = ["The capital ", "is Paris"]
    await world.asked(owner, session, "@coder What is the capital of France?")
    await world.indexed()

    world.model.pieces = ["As I said: Paris"]
    answered = await world.asked(owner, session, "@coder Tell me the capital of France again")

    (learned, *_) = [it for it in await everything(world, owner) if "capital of France?" in it.text]
    assert learned.kind is MemoryKind.INTERACTION
    assert "The capital is Paris" in learned.text
    assert learned.source.session_id == session
    assert learned.uses == 1
    message = await world.answer_to(owner, answered)
    assert [it.memory_id for it in message.citations] == [learned.id]
    assert "<memory>" in world.model.requests[-1].messages[0].content
    facts = [fact.body for fact in await world.facts(owner, session)]
    (recalled,) = [body for body in facts if isinstance(body, MemoryRecalled)]
    assert (recalled.degraded, [it.memory_id for it in recalled.citations]) == (False, [learned.id])


async def test_the_index_is_woken_for_a_note_and_gathers_what_is_learned(world: World, owner: Owner) -> None:
    session = await world.session(owner)
    await world.indexed()  # the collection is ready
    world.hints.sent.clear()

    async with world.projecting():
        await world.asked(owner, session, "@coder What is the capital of France?")
        await until(lambda: world.index.points)
    await noted(world, owner, "Lunch is at noon")

    hints = [hint for channel, hint in world.hints.sent if channel == OUTBOX_CHANNEL]
    assert hints == [{"wake": False}, {"wake": True}]


async def test_what_was_learned_before_is_mentioned_to_nobody(world: World, owner: Owner) -> None:
    world.model.pieces = ["Paris"]
    for session in (await world.session(owner), await world.session(owner)):
        await world.asked(owner, session, "@coder What is the capital of France?")

    assert [channel for channel, _ in world.hints.sent].count(OUTBOX_CHANNEL) == 1
    (learned,) = await everything(world, owner)
    assert learned.occurrences == 2


async def test_an_answer_without_its_memory_says_so_and_loses_nothing(world: World, owner: Owner) -> None:
    session = await world.session(owner)
    await noted(world, owner, "The pump is red")
    world.index.down = True

    answered = await world.asked(owner, session, "@coder What colour is the pump?")

    assert (await world.answer_to(owner, answered)).status is MessageStatus.COMPLETE
    facts = [fact.body for fact in await world.facts(owner, session)]
    assert [body.degraded for body in facts if isinstance(body, MemoryRecalled)] == [True]
    await world.indexed()
    waiting = [it for it in await everything(world, owner) if not it.indexed]
    assert [it.problem for it in waiting] == ["The memory index does not answer."]

    world.index.down = False
    world.clock.advance(60)
    async with world.projecting():
        while not all(it.indexed and it.problem is None for it in await everything(world, owner)):
            await asyncio.sleep(0.01)


async def test_a_failure_is_remembered_and_is_no_advice(world: World, owner: Owner) -> None:
    session = await world.session(owner)
    world.model.problem = ModelProblem(ModelProblemKind.TOO_LONG, "The model is on strike.")
    await world.asked(owner, session, "@coder Fix the turbine")
    await world.indexed()

    (failure,) = await everything(world, owner)
    assert not failure.success
    world.model.problem, world.model.pieces = None, ["Trying again"]
    await world.asked(owner, session, "@coder Fix the turbine please")
    assert "<memory>" not in world.model.requests[-1].messages[0].content


async def test_deleting_a_message_or_a_session_removes_what_was_learned(world: World, owner: Owner) -> None:
    first, second = await world.session(owner), await world.session(owner)
    asked = await world.asked(owner, first, "@coder canary one")
    await world.asked(owner, second, "@coder canary two")
    await world.indexed()
    assert len(world.index.points) == 2

    await world.delete_message(world.scope(owner), asked.question_id)
    await world.sessions.delete(world.scope(owner), second)
    await world.indexed()

    assert await everything(world, owner) == []
    assert not world.index.points


@pytest.mark.parametrize("what", ["agent", "project"])
async def test_deleting_an_agent_or_a_project_empties_the_index(
    world: World, owner: Owner, what: str
) -> None:
    note = await noted(world, owner, "Canary")
    if what == "agent":
        await delete_agent(
            world.scope(owner), owner.agents["coder"], cancel=partial(close_task, problem="Gone.")
        )
    else:
        await delete_project(
            world.scope(owner), owner.project_id, cancel=partial(close_task, problem="Gone.")
        )
    await world.indexed()

    assert not world.index.points
    with pytest.raises(NotFound):
        await forget_memory(world.scope(owner), note.id)


async def test_a_late_writer_can_not_bring_back_what_was_forgotten(world: World, owner: Owner) -> None:
    note = await noted(world, owner, "Ghost")
    tenant = Tenant(owner.user_id, owner.project_id, owner.agents["coder"])
    (point,) = world.index.points.values()

    async with world.projecting():
        await edit_memory(world.scope(owner), note.id, "Ghost again")
    await forget_memory(world.scope(owner), note.id)
    (key,) = await world.queue.due(limit=9, lease_s=60)
    await world.index.upsert(world.embedder.space, tenant, [point])
    await world.write(owner, lambda p: p.memories.settle([key], indexed={note.id: 2}))
    await world.indexed()

    assert not world.index.points


async def test_a_late_writer_leaves_nothing_of_an_agent_that_was_deleted_meanwhile(
    world: World, owner: Owner
) -> None:
    note = await noted(world, owner, "Ghost")
    tenant = Tenant(owner.user_id, owner.project_id, owner.agents["coder"])
    (point,) = world.index.points.values()
    scope = world.scope(owner)
    await scope.write(
        lambda tx: tx.project(owner.project_id).memories.retell(
            tenant.agent_id, after=None, limit=9, lost=False
        )
    )
    (key,) = await world.queue.due(limit=9, lease_s=60)
    await delete_agent(world.scope(owner), tenant.agent_id, cancel=partial(close_task, problem="Gone."))
    await world.indexed()

    await world.index.upsert(world.embedder.space, tenant, [point])
    await world.write(owner, lambda p: p.memories.settle([key], indexed={note.id: 1}))
    await world.indexed()

    assert not world.index.points


async def test_an_index_is_not_believed_about_whose_a_memory_is_or_that_it_still_holds(
    world: World, owner: Owner
) -> None:
    old = await noted(world, owner, "My favourite colour is blue")
    theirs = await noted(world, owner, "The colour of the writer is grey", agent="writer")
    points = dict(world.index.points)
    new = await noted(world, owner, "My favourite colour is green")
    await world.indexed()
    tenant = Tenant(owner.user_id, owner.project_id, owner.agents["coder"])

    for (space, _, memory_id), point in points.items():
        world.index.points[space, tenant, memory_id] = point
    question = Question(owner.project_id, tenant.agent_id, "colour")

    hits = await world.recall.hits(world.scope(owner), question)
    assert {hit.memory_id for hit in hits} == {old.id, theirs.id, new.id}
    assert await search(world, owner, "colour") == [new.text]


async def test_a_query_longer_than_it_may_be_is_cut_for_agents(world: World, owner: Owner) -> None:
    await noted(world, owner, "Needle")

    assert await search(world, owner, "needle " + "x" * MAX_QUERY) == ["Needle"]


async def test_pruning_takes_the_least_valuable_and_never_what_is_pinned(
    world: World, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="codelab.memory")
    scope, coder = world.scope(owner), owner.agents["coder"]
    notes = [await noted(world, owner, f"Note {word}") for word in WORDS]
    await pin_memory(scope, notes[0].id, pinned=True)
    told: list[int] = []
    prune = Prune(tenants=world.queue, scopes=world.scopes, limit=10, pruned=told.append)

    assert await prune() == 2
    assert await prune() == 0
    await world.indexed()

    left = {memory.id for memory in await everything(world, owner)}
    assert left == {note.id for note in (notes[0], *notes[3:])}
    assert told == [2]
    assert len(world.index.points) == len(left) == 8
    assert await world.read(owner, lambda p: p.memories.count(coder)) == 8
    (event,) = [vars(it) for it in caplog.records if it.message == "a memory was pruned"]
    assert (event["agent_id"], event["count"], event["limit"]) == (str(coder), 2, 10)


async def test_what_was_pinned_since_it_was_chosen_stays(world: World, owner: Owner) -> None:
    chosen = [(await noted(world, owner, f"Note {word}")).id for word in WORDS[:3]]
    await pin_memory(world.scope(owner), chosen[0], pinned=True)

    assert await world.write(owner, lambda p: p.memories.prune(chosen)) == 2

    assert [it.id for it in await everything(world, owner)] == chosen[:1]


async def test_pruning_is_told_to_whoever_looks_at_the_project(world: World, owner: Owner) -> None:
    for word in WORDS:
        await noted(world, owner, f"Note {word}")
    world.forget()

    assert await Prune(tenants=world.queue, scopes=world.scopes, limit=10)() == 2

    channel = f"project:{owner.user_id}:{owner.project_id}"
    assert (channel, agent_changed(owner.agents["coder"])) in world.hints.sent


async def test_an_index_that_was_lost_is_opened_before_anything_is_written_and_told_everything(
    world: World, owner: Owner
) -> None:
    old = await noted(world, owner, "Before")
    async with world.projecting():
        world.index.down = True
        async with asyncio.timeout(10):
            lost = await world.remember.note(world.scope(owner), owner.agents["coder"], "Meanwhile")
            assert lost.problem
        world.index.lose(world.embedder.space.name)
        world.index.down = False
        async with asyncio.timeout(20):
            while len(world.index.points) < 2 or not all(it.indexed for it in await everything(world, owner)):
                await asyncio.sleep(0.01)

    assert {key[2] for key in world.index.points} == {old.id, lost.id}


async def test_a_memory_of_pinned_things_alone_is_left_as_it_is(world: World, owner: Owner) -> None:
    for text in ("One matter", "Two affairs"):
        note = await noted(world, owner, text)
        await pin_memory(world.scope(owner), note.id, pinned=True)

    assert await Prune(tenants=world.queue, scopes=world.scopes, limit=1)() == 0

    assert len(await everything(world, owner)) == 2


WORDS = ["ash", "birch", "cedar", "date", "elm", "fir", "gorse", "hazel", "ivy", "juniper"]

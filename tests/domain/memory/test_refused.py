"""Texts that an embedder does not take, on both databases: they wait with the reason, and nothing waits for them."""

from __future__ import annotations

import pytest

from domain.memory.collections import CollectionState
from domain.memory.edit import edit_memory
from domain.memory.entities import Memory
from domain.memory.projector import REFUSED_RETRY_S
from tests.domain.memory.fakes import WordEmbedder
from tests.domain.memory.test_collections import OLD, Process, held, search, states
from tests.domain.memory.test_memory import everything, noted
from tests.worlds import Owner, World

REFUSED = "The model words does not take this text."


@pytest.fixture
async def owner(world: World) -> Owner:
    return await world.owner("coder", "writer")


async def two_notes(world: World, owner: Owner) -> tuple[Memory, Memory]:
    """Told in one round; the second one is refused."""
    world.embedder.never = "blue"
    scope, agent = world.scope(owner), owner.agents["coder"]
    notes = [await world.remember.note(scope, agent, text) for text in ("The pump is red", "The tap is blue")]
    await world.indexed()
    return notes[0], notes[1]


async def waiting(world: World) -> int:
    return await world.collections.waiting()


async def test_a_text_that_is_refused_keeps_no_other_from_being_found(world: World, owner: Owner) -> None:
    taken, refused = await two_notes(world, owner)

    told = {it.id: (it.indexed, it.problem) for it in await everything(world, owner)}
    assert told == {taken.id: (True, None), refused.id: (False, REFUSED)}
    assert await search(world, owner, "pump") == ["The pump is red"]
    assert await waiting(world) == 0
    assert await world.queue.lag_s() == 0


async def test_a_text_that_is_refused_is_offered_again_now_and_then(world: World, owner: Owner) -> None:
    _, refused = await two_notes(world, owner)
    world.embedder.never = None
    await world.indexed()
    assert refused.id not in held(world, OLD)

    await world.stored.pass_time(REFUSED_RETRY_S + 1)
    await world.indexed()

    assert all(it.indexed and it.problem is None for it in await everything(world, owner))
    assert await search(world, owner, "tap") == ["The tap is blue"]


async def test_a_text_that_is_changed_is_offered_at_once(world: World, owner: Owner) -> None:
    _, refused = await two_notes(world, owner)

    await edit_memory(world.scope(owner), refused.id, "The tap is green")
    await world.indexed()

    assert all(it.indexed and it.problem is None for it in await everything(world, owner))
    assert await search(world, owner, "tap") == ["The tap is green"]


async def test_what_stands_no_more_is_not_found_though_what_took_its_place_is_refused(
    world: World, owner: Owner
) -> None:
    note = await noted(world, owner, "The pump is red")
    world.embedder.never = "blue"

    await edit_memory(world.scope(owner), note.id, "The pump is blue")
    await world.indexed()

    assert held(world, OLD) == set()
    (told,) = await everything(world, owner)
    assert (told.indexed, told.problem) == (False, REFUSED)


async def test_a_text_that_only_the_next_model_refuses_does_not_hold_it_up(
    world: World, owner: Owner
) -> None:
    notes = [await noted(world, owner, text) for text in ("The pump is red", "The tap is blue")]
    signs = WordEmbedder("signs")
    signs.never = "blue"
    world.embedders.append(signs)
    process = await Process(world, signs).started()

    await process.projector.work()

    assert await states(world) == [CollectionState.RETIRED, CollectionState.READY]
    assert await search(world, owner, "pump", process.recall) == ["The pump is red"]
    await world.stored.pass_time(REFUSED_RETRY_S + 1)
    await process.projector.work()
    told = {it.id: (it.indexed, it.problem) for it in await everything(world, owner)}
    assert told == {
        notes[0].id: (True, None),
        notes[1].id: (False, "The model signs does not take this text."),
    }


async def test_what_the_old_model_refuses_is_found_once_the_next_one_serves(
    world: World, owner: Owner
) -> None:
    _, refused = await two_notes(world, owner)
    signs = WordEmbedder("signs")
    world.embedders.append(signs)
    process = await Process(world, signs).started()

    await process.projector.work()

    assert await states(world) == [CollectionState.RETIRED, CollectionState.READY]
    assert (await search(world, owner, "tap", process.recall))[0] == "The tap is blue"
    assert all(it.indexed and it.problem is None for it in await everything(world, owner))
    assert refused.id not in held(world, OLD)

"""Collections from end to end, on both databases: one serves while the next is filled, through crashes and changes of mind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import TypeVar
from uuid import UUID

import pytest

from domain.errors import Unavailable
from domain.memory import rebuild, serving
from domain.memory.collections import Collection, CollectionRows, CollectionState, reindex
from domain.memory.edit import edit_memory
from domain.memory.forget import forget_memory
from domain.memory.ports import EmbeddingFailed, IndexUnavailable, Space, Tenant
from domain.memory.projector import Projector
from domain.memory.recall import Question, Recall
from domain.memory.serving import GRACE_S
from persistence.collections import SqlCollectionStore
from tests.domain.memory.fakes import DIMENSION, WordEmbedder
from tests.domain.memory.test_memory import everything, noted
from tests.worlds import Owner, World, until

T = TypeVar("T")
OLD, NEW = "memories_words_64_v1", "memories_signs_64_v1_g2"


@pytest.fixture
async def owner(world: World) -> Owner:
    return await world.owner("coder", "writer")


@pytest.fixture
def signs(world: World) -> WordEmbedder:
    """Another model, which this process can ask too."""
    signs = WordEmbedder("signs")
    world.embedders.append(signs)
    return signs


class Process:
    """Another process on the same data, configured with a model."""

    def __init__(self, world: World, embedder: WordEmbedder) -> None:
        self.collections = world.collections_of(embedder)
        self.recall = Recall(index=world.index, collections=self.collections, clock=world.clock)
        self.projector = world.projector_of(self.collections)

    async def started(self) -> Process:
        await self.collections.read()
        return self


async def states(world: World) -> list[CollectionState]:
    return [it.state for it in await rows_of(world)]


async def rows_of(world: World) -> Sequence[Collection]:
    return await SqlCollectionStore(world.database).read(lambda rows: rows.all())


async def asked(world: World) -> Collection:
    found = await SqlCollectionStore(world.database).write(reindex)
    assert found is not None
    return found[0]


async def search(world: World, owner: Owner, text: str, recall: Recall | None = None) -> list[str]:
    question = Question(owner.project_id, owner.agents["coder"], text)
    return [it.memory.text for it in await (recall or world.recall)(world.scope(owner), question)]


def held(world: World, name: str) -> set[UUID]:
    return {memory_id for collection, _, memory_id in world.index.points if collection == name}


async def test_the_first_collection_serves_at_once_and_is_called_as_before(
    world: World, owner: Owner
) -> None:
    await noted(world, owner, "The pump is red")
    await world.indexed()

    (first,) = await rows_of(world)

    assert (first.state, first.space.name, first.is_told) == (CollectionState.READY, OLD, True)
    assert world.recall.embedder == "words"


async def test_another_model_is_filled_while_the_old_one_serves_and_then_takes_its_place(
    world: World, owner: Owner, signs: WordEmbedder
) -> None:
    notes = {(await noted(world, owner, f"The {colour} pump")).id for colour in ("red", "green", "blue")}
    process = await Process(world, signs).started()

    assert await states(world) == [CollectionState.READY, CollectionState.ASKED]
    assert await search(world, owner, "red pump", process.recall)
    assert process.recall.embedder == "words"
    assert all(it.indexed for it in await everything(world, owner))

    await process.projector.work()

    assert await states(world) == [CollectionState.RETIRED, CollectionState.READY]
    assert held(world, NEW) == notes
    assert process.recall.embedder == "signs"
    assert (await search(world, owner, "red pump", process.recall))[0] == "The red pump"


async def test_a_retired_collection_is_removed_once_every_process_has_heard(
    world: World, owner: Owner, signs: WordEmbedder
) -> None:
    await noted(world, owner, "The pump is red")
    process = await Process(world, signs).started()
    await process.projector.work()
    assert world.index.removed == []

    await world.stored.pass_time(GRACE_S + 1)
    await process.projector.work()

    assert world.index.removed == [OLD]
    assert [it.space.name for it in await rows_of(world)] == [NEW]
    assert world.index.names == {NEW}


async def test_another_process_follows_the_switch_by_itself(
    world: World, owner: Owner, signs: WordEmbedder
) -> None:
    await noted(world, owner, "The pump is red")
    following = asyncio.create_task(world.collections.follow())
    process = await Process(world, signs).started()

    await process.projector.work()

    await until(lambda: world.recall.embedder == "signs")
    assert await search(world, owner, "pump") == ["The pump is red"]
    following.cancel()
    await asyncio.wait([following])


async def test_a_process_that_hears_no_hint_follows_by_looking(
    world: World, owner: Owner, signs: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "POLL_S", 0.01)
    world.hints.lost = True
    await noted(world, owner, "The pump is red")
    following = asyncio.create_task(world.collections.follow())

    await (await Process(world, signs).started()).projector.work()

    await until(lambda: world.recall.embedder == "signs")
    following.cancel()
    await asyncio.wait([following])


async def test_a_reindex_makes_the_same_space_anew(world: World, owner: Owner) -> None:
    note = await noted(world, owner, "The pump is red")

    collection = await asked(world)
    again = await asked(world)
    await world.indexed()

    assert (collection.space.name, again.generation) == (f"{OLD}_g2", collection.generation)
    assert await states(world) == [CollectionState.RETIRED, CollectionState.READY]
    assert held(world, collection.space.name) == {note.id}
    assert await search(world, owner, "pump") == ["The pump is red"]


async def test_what_changes_while_a_collection_is_filled_is_in_both(
    world: World, owner: Owner, signs: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "BATCH", 1)
    edited, gone, kept = [await noted(world, owner, f"The {it} pump") for it in ("red", "green", "blue")]
    process = await Process(world, signs).started()
    signs.problem = "The embedding model is away."
    await process.projector.work()
    assert (await rows_of(world))[1].problem == "The embedding model is away."

    await forget_memory(world.scope(owner), gone.id)
    async with world.projecting():
        await edit_memory(world.scope(owner), edited.id, "The purple pump")
        late = await world.remember.note(world.scope(owner), owner.agents["coder"], "The yellow pump")
    assert late.indexed  # the one that serves has heard, and that is what counts for people
    assert late.problem is None
    assert await search(world, owner, "purple") == ["The purple pump"]

    signs.problem = None
    await retried(process.projector, world)

    *older, newest = await states(world)
    assert newest is CollectionState.READY
    assert set(older) <= {CollectionState.RETIRED}  # and gone, where leases had to be waited for
    assert held(world, NEW) == {edited.id, kept.id, late.id}
    assert (await rows_of(world))[1].problem is None
    assert {it.version for it in world.index.points.values() if it.memory_id == edited.id} == {2}


async def retried(projector: Projector, world: World) -> None:
    """Let a writer go on until nothing waits, also what it failed at before."""
    async with asyncio.timeout(20):
        while True:
            await world.stored.pass_time(1)
            await projector.work()
            if not await SqlCollectionStore(world.database).read(lambda rows: rows.waiting()):
                break
    await projector.work()


async def test_an_old_model_that_can_t_be_asked_any_more_holds_nothing_up(
    world: World, owner: Owner, signs: WordEmbedder
) -> None:
    await noted(world, owner, "The pump is red")
    world.embedders.remove(world.embedder)
    process = await Process(world, signs).started()

    with pytest.raises(EmbeddingFailed, match="words"):
        await search(world, owner, "pump", process.recall)
    assert process.recall.embedder == "words"
    note = await world.remember.note(world.scope(owner), owner.agents["coder"], "The tap is blue")
    await process.projector.work()

    assert (await search(world, owner, "tap", process.recall))[0] == "The tap is blue"
    assert held(world, NEW) >= {note.id}
    assert all(it.indexed for it in await everything(world, owner))


async def test_without_an_heir_a_model_that_fails_is_waited_for(world: World, owner: Owner) -> None:
    await noted(world, owner, "The pump is red")
    world.embedder.problem = "The embedding model is away."

    note = await world.remember.note(world.scope(owner), owner.agents["coder"], "The tap is blue")
    await world.indexed()
    (waiting,) = [it for it in await everything(world, owner) if it.id == note.id]
    assert (waiting.indexed, waiting.problem) == (False, "The embedding model is away.")

    world.embedder.problem = None
    await retried(world.projector, world)
    assert all(it.indexed and it.problem is None for it in await everything(world, owner))


async def test_a_change_that_is_taken_back_leaves_the_old_collection_serving(
    world: World, owner: Owner, signs: WordEmbedder
) -> None:
    await noted(world, owner, "The pump is red")
    await Process(world, signs).started()

    back = await Process(world, world.embedder).started()
    await back.projector.work()

    assert await states(world) == [CollectionState.READY, CollectionState.RETIRED]
    await world.stored.pass_time(GRACE_S + 1)
    await back.projector.work()
    await Process(world, signs).started()
    assert [it.generation for it in await rows_of(world)] == [1, 3]  # no number is given twice


async def test_a_third_model_takes_the_place_of_one_that_is_being_filled(
    world: World, owner: Owner, signs: WordEmbedder
) -> None:
    note = await noted(world, owner, "The pump is red")
    tones = WordEmbedder("tones")
    world.embedders.append(tones)
    await Process(world, signs).started()

    process = await Process(world, tones).started()
    await process.projector.work()

    assert await states(world) == [CollectionState.RETIRED, CollectionState.RETIRED, CollectionState.READY]
    assert held(world, "memories_tones_64_v1_g3") == {note.id}


async def test_what_is_left_of_a_name_from_before_a_restored_backup_is_not_searched(
    world: World, owner: Owner, signs: WordEmbedder
) -> None:
    note = await noted(world, owner, "The pump is red")
    await world.index.open(Space("signs", DIMENSION, generation=2))
    (point,) = world.index.points.values()
    tenant = Tenant(owner.user_id, owner.project_id, owner.agents["coder"])
    ghost = replace(point, memory_id=world.new_id())
    await world.index.upsert(Space("signs", DIMENSION, generation=2), tenant, [ghost])

    await (await Process(world, signs).started()).projector.work()

    assert held(world, NEW) == {note.id}


async def test_an_index_that_does_not_remove_holds_up_nothing_else(
    world: World, owner: Owner, signs: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = await noted(world, owner, "The pump is red")
    await world.indexed()
    await asked(world)
    await world.indexed()
    await world.stored.pass_time(GRACE_S + 1)

    async def refuse(space: Space) -> None:
        raise IndexUnavailable(f"{space.name} stays.")

    monkeypatch.setattr(world.index, "remove", refuse)
    process = await Process(world, signs).started()
    with pytest.raises(IndexUnavailable):
        await process.projector.work()

    assert held(world, "memories_signs_64_v1_g3") == {note.id}
    assert (await rows_of(world))[-1].is_ready


async def test_processes_that_start_together_ask_once(world: World, signs: WordEmbedder) -> None:
    processes = [Process(world, world.embedder) for _ in range(6)]
    await asyncio.gather(*(it.started() for it in processes))
    assert await states(world) == [CollectionState.READY]

    others = [Process(world, signs) for _ in range(6)]
    await asyncio.gather(*(it.started() for it in others))
    assert await states(world) == [CollectionState.READY, CollectionState.ASKED]


async def test_a_lost_collection_is_told_again_while_it_serves(world: World, owner: Owner) -> None:
    notes = {(await noted(world, owner, f"The {colour} pump")).id for colour in ("red", "green")}
    world.index.lose(OLD)

    await Process(world, world.embedder).projector.work()

    assert held(world, OLD) == notes
    assert await states(world) == [CollectionState.READY]
    assert all(it.indexed for it in await everything(world, owner))


class Killed(BaseException):
    """The process ends here; nothing that it would have done happens."""


class Life:
    """How many more steps a process lives."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


class MortalStore(SqlCollectionStore):
    """Each change of a collection may be the last thing that a process does."""

    def __init__(self, world: World, life: Life) -> None:
        super().__init__(world.database)
        self._life = life

    async def write(self, work: Callable[[CollectionRows], T]) -> T:
        done = await super().write(work)
        self._life.step()
        return done


@pytest.mark.parametrize("lost", [False, True])
async def test_a_crash_at_any_step_loses_nothing_and_doubles_nothing(
    world: World, owner: Owner, monkeypatch: pytest.MonkeyPatch, *, lost: bool
) -> None:
    monkeypatch.setattr(rebuild, "BATCH", 2)
    notes = {
        (await noted(world, owner, f"Note {word}")).id for word in ("ash", "birch", "cedar", "elm", "fir")
    }
    for steps in count():
        (serving_now,) = [it for it in await rows_of(world) if it.is_ready]
        if lost:
            world.index.lose(serving_now.space.name)
        else:
            await asked(world)

        killed = await _killed_after(world, steps)
        await world.stored.pass_time(60)
        await Process(world, world.embedder).projector.work()

        (serving_now,) = [it for it in await rows_of(world) if it.is_ready]
        assert held(world, serving_now.space.name) == notes, f"after {steps} steps"
        assert {it.state for it in await rows_of(world)} <= {CollectionState.READY, CollectionState.RETIRED}
        assert all(it.indexed for it in await everything(world, owner))
        if not killed:
            break
    assert steps > 15  # or the crashes were none


async def _killed_after(world: World, steps: int) -> bool:
    """Let a process work until so many steps are done; False when all work was done before."""
    life = Life(steps)
    collections = world.collections_of(world.embedder, store=MortalStore(world, life))
    world.index.on_call = life.step
    try:
        await world.projector_of(collections).work()
    except Killed:
        return True
    finally:
        world.index.on_call = lambda: None
    return False


async def test_searches_find_all_the_while_and_never_by_mixed_vectors(
    world: World, owner: Owner, signs: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "BATCH", 3)
    for number in range(30):
        await noted(world, owner, f"Pump number {number} is red")
    process = await Process(world, signs).started()
    seen: set[str] = set()

    async def search_on() -> None:
        while True:
            found = await search(world, owner, "pump number", process.recall)
            assert len(found) == 5
            seen.add(process.recall.embedder)
            await asyncio.sleep(0)

    searching = asyncio.create_task(search_on())
    await process.projector.work()
    await until(lambda: "signs" in seen or searching.done())
    searching.cancel()

    with pytest.raises(asyncio.CancelledError):
        await searching
    assert seen == {"words", "signs"}


async def test_the_database_must_answer_before_anything_is_known(world: World) -> None:
    class Away(SqlCollectionStore):
        async def write(self, work: Callable[[CollectionRows], T]) -> T:
            raise Unavailable("The database does not answer.")

    collections = world.collections_of(world.embedder, store=Away(world.database))

    with pytest.raises(Unavailable):
        await collections.serving()
    assert collections.label == "words"


async def test_there_is_nothing_to_reindex_before_the_first_start(world: World) -> None:
    assert await SqlCollectionStore(world.database).write(reindex) is None


async def test_what_was_read_too_long_ago_changes_nothing(world: World, owner: Owner) -> None:
    await noted(world, owner, "The pump is red")
    read = await asked(world)
    store = SqlCollectionStore(world.database)

    assert await store.write(lambda rows: rows.begin(read, total=1))
    assert not await store.write(lambda rows: rows.begin(read, total=1))
    assert not await store.write(lambda rows: rows.move(read, position="somewhere", told=1))
    assert not await store.write(lambda rows: rows.told_all(read))
    assert not await store.write(lambda rows: rows.switch(read.generation))

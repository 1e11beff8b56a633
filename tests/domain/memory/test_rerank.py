"""The order in which a model puts memories: used in time and in form, and ignored otherwise."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from domain.memory.entities import Recalled
from domain.memory.judge import Judge
from domain.memory.rerank import SHOWN, Rerank
from domain.models.entities import DEFAULT_MODEL, OFFLINE_MODEL
from domain.models.ports import ModelProblem, ModelProblemKind
from tests.domain.memory.fakes import a_memory
from tests.worlds import Owner, ScriptedModel, World

FOUND = [Recalled(a_memory(UUID(int=n), text=f"Memory {n}"), 1 - n / 100) for n in range(SHOWN + 3)]


class Reranking:
    """A re-ranking whose model says what the test wants."""

    def __init__(self, *answer: str, **model: object) -> None:
        self.model = ScriptedModel(pieces=answer, **model)  # type: ignore[arg-type]  # fields of the test's choice
        self.told: list[bool] = []
        self.rerank = Rerank(Judge(self.model), told=self.told.append, answer_s=0.05)

    async def order(self) -> list[int]:
        """The memories' numbers as they come out."""
        ordered = await self.rerank("Which?", FOUND, model=DEFAULT_MODEL)
        return [it.memory.id.int for it in ordered]


async def test_what_the_model_names_comes_first_and_nothing_is_lost() -> None:
    reranking = Reranking('{"numbers": [3, 1]}')

    order = await reranking.order()

    assert order == [2, 0, 1, *range(3, len(FOUND))]
    assert reranking.told == [True]
    (request,) = reranking.model.requests
    data = json.loads(request.messages[-1].content)
    assert data["question"] == "Which?"
    assert [it["number"] for it in data["notes"]] == list(range(1, SHOWN + 1))


@pytest.mark.parametrize(
    "answer", ["I would say 3", '{"numbers": [99]}', '{"numbers": [1, 1]}', "x" * 100_000]
)
async def test_nonsense_keeps_the_order(answer: str) -> None:
    reranking = Reranking(answer)

    assert await reranking.order() == list(range(len(FOUND)))
    assert reranking.told == [False]


async def test_a_model_that_fails_or_is_slow_keeps_the_order() -> None:
    down = Reranking(problem=ModelProblem(ModelProblemKind.UNAVAILABLE, "Down."))
    slow = Reranking('{"numbers": [3]}', held=True)

    assert await down.order() == await slow.order() == list(range(len(FOUND)))
    assert down.told == slow.told == [False]
    assert slow.model.closed == 1


async def test_one_memory_and_an_offline_agents_memories_are_not_shown() -> None:
    reranking = Reranking('{"numbers": [1]}')

    await reranking.rerank("Which?", FOUND[:1], model=DEFAULT_MODEL)
    await reranking.rerank("Which?", FOUND, model=OFFLINE_MODEL)

    assert reranking.model.requests == []
    assert reranking.told == []


async def test_an_answer_is_given_its_memories_in_the_models_order(world: World) -> None:
    owner = await world.owner()
    for text in ("The pump is red", "The pump is loud", "The pump is old"):
        async with world.projecting():
            await world.remember.note(world.scope(owner), owner.agents["coder"], text)
    plain = await _given(world, owner)
    reranking = Reranking('{"numbers": [3, 2]}')

    ordered = await _given(world, owner, reranking.rerank)

    assert len(plain) == 3
    assert ordered == [plain[2], plain[1], plain[0]]


async def _given(world: World, owner: Owner, rerank: Rerank | None = None) -> list[str]:
    """What the model is given for the same question in a new session."""
    session = await world.session(owner)
    await world.say(owner, session, "What is the pump?", queued=True)
    await world.work_off(world.another_worker(work=world.runner(rerank=rerank)))
    system = world.model.requests[-1].messages[0].content
    notes = system.split("<memory>\n")[1:]
    return [it.partition("\n</memory>")[0] for it in notes if "pump is" in it and "User:" not in it]

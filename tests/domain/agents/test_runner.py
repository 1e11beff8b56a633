"""The runner: whatever the model, the database or the clock does, the run ends in a stated state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import pytest
import sqlalchemy as sa

from domain.agents import runner
from domain.agents.runner import FINISH_ATTEMPTS, INTERNAL, RunnerLimits
from domain.bus.worker import WorkerTimes
from domain.conversations.begin import Begun
from domain.conversations.entities import MessageStatus, RunStatus
from domain.errors import Unavailable
from domain.events.live import SessionKey
from domain.models.entities import ModelChunk, ModelRequest, TextDelta
from domain.models.ports import ModelProblem, ModelProblemKind
from domain.tasks.entities import Claim
from persistence.tables.engine import steps, usage
from tests.worlds import Owner, World, until

T = TypeVar("T")


async def ended(world: World, owner: Owner, begun: Begun) -> tuple[RunStatus, str | None, MessageStatus, str]:
    """How a run and its answer ended."""
    run, answer = await world.run_of(owner, begun), await world.answer_to(owner, begun)
    return run.status, run.problem, answer.status, answer.content


async def asked(world: World, *, limits: RunnerLimits | None = None) -> tuple[Owner, Begun]:
    """A message that a worker with these limits works on."""
    owner = await world.owner()
    begun = await world.say(owner, await world.session(owner), "Hi", queued=True)
    await world.work_off(world.another_worker(limits=limits))
    return owner, begun


async def test_an_answer_is_recorded_with_its_step_and_what_it_cost(world: World) -> None:
    owner, begun = await asked(world)

    assert await ended(world, owner, begun) == (
        RunStatus.SUCCEEDED,
        None,
        MessageStatus.COMPLETE,
        "Answer to: Hi",
    )
    (step,) = await rows(world, owner, sa.select(steps.c.kind, steps.c.position, steps.c.response))
    assert step == (
        "MODEL",
        0,
        {"text": "Answer to: Hi", "finish_reason": "stop", "model": "scripted-1"},
    )
    (paid,) = await rows(
        world,
        owner,
        sa.select(
            usage.c.run_id,
            usage.c.agent_id,
            usage.c.model,
            usage.c.input_tokens,
            usage.c.output_tokens,
            usage.c.cost_micro_usd,
            usage.c.price_known,
            usage.c.estimated,
        ),
    )
    assert paid == (begun.run_id, owner.agents["coder"], "scripted-1", 11, 7, 42, True, False)


@pytest.mark.parametrize("kind", list(ModelProblemKind))
async def test_a_models_problem_fails_the_run_with_its_reason_and_keeps_the_text(
    world: World, kind: ModelProblemKind
) -> None:
    world.model.problem = ModelProblem(kind, "A person understands this.")

    owner, begun = await asked(world)

    assert await ended(world, owner, begun) == (
        RunStatus.FAILED,
        "A person understands this.",
        MessageStatus.FAILED,
        "Answer to: Hi",
    )
    queue = (await world.agent(owner)).queue
    assert (queue.running, queue.consecutive_failures) == (0, 1)
    assert await rows(world, owner, sa.select(steps.c.kind)) == []
    assert await rows(world, owner, sa.select(usage.c.model)) == []


async def test_an_answer_that_takes_too_long_is_ended(world: World) -> None:
    world.model.hold()

    owner, begun = await asked(world, limits=RunnerLimits(task_s=2.0))

    status, problem, _, text = await ended(world, owner, begun)
    assert (status, text) == (RunStatus.FAILED, "Answer to: Hi")
    assert problem == "The answer took longer than 2 seconds and was ended."
    assert world.model.closed == 1


@pytest.mark.parametrize("fault", [RuntimeError("secret of ours"), TimeoutError("not our timer")])
async def test_a_fault_is_logged_and_masked(
    world: World, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    world.model.problem = fault

    with caplog.at_level(logging.ERROR, "codelab.runner"):
        owner, begun = await asked(world)

    assert await ended(world, owner, begun) == (
        RunStatus.FAILED,
        INTERNAL,
        MessageStatus.FAILED,
        "Answer to: Hi",
    )
    assert [record.message for record in caplog.records] == ["an answer failed"]
    assert "secret" not in INTERNAL


async def test_what_no_store_keeps_does_not_fail_an_answer(world: World) -> None:
    world.model.pieces = ("nul \0 ", "half \ud83d")

    owner, begun = await asked(world)

    assert (await ended(world, owner, begun))[3] == "nul \ufffd half \ufffd"


async def test_a_lost_claim_ends_in_silence(world: World, caplog: pytest.LogCaptureFixture) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    world.model.hold()
    begun = await world.say(owner, session_id, "Hi")
    await until(lambda: world.model.waiting)
    await world.stop(world.scope(owner), begun.run_id)
    facts = await world.facts(owner, session_id)

    with caplog.at_level(logging.WARNING, "codelab"):
        world.model.release()
        await world.idle()

    assert await world.facts(owner, session_id) == facts
    assert caplog.records == []
    assert await world.live.writing(SessionKey(owner.user_id, session_id)) == []


async def test_a_question_that_is_gone_is_not_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    late: list[Claim] = []
    monkeypatch.setattr(world.worker, "start", late.append)
    begun = await world.say(owner, session_id, "Hi")
    await world.delete_message(world.scope(owner), begun.question_id)
    assert begun.claim is not None
    monkeypatch.undo()

    world.worker.start(begun.claim)
    await world.idle()

    assert world.model.requests == []


async def test_an_unavailable_database_is_waited_for_when_the_answer_is_recorded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "FINISH_PAUSE_S", 0)
    owner = await world.owner()
    world.model.hold()
    begun = await world.say(owner, await world.session(owner), "Hi")
    await until(lambda: world.model.waiting)
    away = Away(world, monkeypatch, times=5)
    world.model.release()
    await world.idle()

    assert away.asked == 6
    assert (await ended(world, owner, begun))[0] is RunStatus.SUCCEEDED
    assert len(await rows(world, owner, sa.select(usage.c.model))) == 1


async def test_a_commit_whose_outcome_was_unknown_is_not_recorded_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "FINISH_PAUSE_S", 0)
    owner = await world.owner()
    world.model.hold()
    begun = await world.say(owner, await world.session(owner), "Hi")
    await until(lambda: world.model.waiting)
    Away(world, monkeypatch, times=1, after_commit=True)
    world.model.release()
    await world.idle()

    assert (await ended(world, owner, begun))[0] is RunStatus.SUCCEEDED
    assert len(await rows(world, owner, sa.select(usage.c.model))) == 1
    assert (await world.agent(owner)).queue.running == 0
    await world.facts(owner, begun.session_id)


async def test_a_database_that_stays_away_leaves_the_task_to_its_lease(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "FINISH_PAUSE_S", 0)
    owner = await world.owner()
    world.model.hold()
    begun = await world.say(owner, await world.session(owner), "Hi")
    await until(lambda: world.model.waiting)
    with monkeypatch.context() as patch:
        away = Away(world, patch, times=FINISH_ATTEMPTS)
        world.model.release()
        await world.idle()

    assert away.asked == FINISH_ATTEMPTS
    assert (await ended(world, owner, begun))[0] is RunStatus.RUNNING
    await world.stored.pass_time(60)
    await world.work_off(world.another_worker())
    assert (await ended(world, owner, begun))[0] is RunStatus.SUCCEEDED


async def test_no_connection_is_held_while_the_model_speaks(world: World) -> None:
    owner = await world.owner()
    world.model.hold()
    await world.say(owner, await world.session(owner), "Hi")
    await until(lambda: world.model.waiting)

    assert world.connections_held() == 0


async def test_a_cancelled_answer_closes_the_models_stream_at_once(world: World) -> None:
    owner = await world.owner()
    world.model.hold()
    worker = world.another_worker(times=WorkerTimes(drain_s=0, poll_s=3_600))
    await world.say(owner, await world.session(owner), "Hi", queued=True)
    async with world.serving(worker):
        await until(lambda: world.model.waiting)
        await worker.drain()

    assert world.model.closed == 1


async def test_a_stale_voice_stops_the_model(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = await world.owner()
    session_id = await world.session(owner)
    closed = []

    async def endless(request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        try:
            while True:
                yield TextDelta("on and on ")
                await asyncio.sleep(0)
        finally:
            closed.append(True)

    monkeypatch.setattr(world.model, "stream", endless)
    begun = await world.say(owner, session_id, "Hi")
    key = SessionKey(owner.user_id, session_id)
    async with asyncio.timeout(60):
        while not await world.live.writing(key):
            await asyncio.sleep(0.001)
    assert begun.claim is not None
    await world.live.begin(key, message_id=begun.claim.answer_id, generation=1)
    await world.idle()

    assert closed == [True]
    assert (await ended(world, owner, begun))[0] is RunStatus.RUNNING, "its next worker ends it"


class Away:
    """Makes the next writes fail, before or after they are done."""

    def __init__(
        self, world: World, patch: pytest.MonkeyPatch, *, times: int, after_commit: bool = False
    ) -> None:
        self.asked = 0
        write = world.database.write

        async def failing(work: Callable[[sa.Connection], T], **more: object) -> T:
            self.asked += 1
            if self.asked > times:
                return await write(work, **more)  # type: ignore[arg-type]  # passed on as they came
            if after_commit:
                await write(work, **more)  # type: ignore[arg-type]  # passed on as they came
            raise Unavailable("Away.")

        patch.setattr(world.database, "write", failing)


async def rows(world: World, owner: Owner, statement: sa.Select[object]) -> list[tuple[object, ...]]:
    """What a statement finds among the owner's rows."""

    def work(connection: sa.Connection) -> list[tuple[object, ...]]:
        return [tuple(row) for row in connection.execute(statement)]

    return await world.database.read(work, user_id=owner.user_id)

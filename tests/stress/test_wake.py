"""Work finds a worker: handed back by one that stops, and without any hint at a poll.

What must not be waited for is put off for an hour, so that who waits for it is not done in time.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from broadcaster import Broadcast

from domain.conversations.entities import RunStatus
from domain.conversations.send import NewMessageInput
from domain.events.live import Hints
from persistence.memory.hints import MemoryHints
from persistence.memory.live import MemoryLive
from tests.launchers.redis import RedisServer
from tests.stress.bench import SHORT, Bench, chances, new_id, open_bench
from tests.stress.conftest import Watched
from tests.stress.crowd import add_one, settle
from tests.stress.office import open_office, two_workers, until, until_heard
from tests.stress.scripted import ScriptedModel, Temper
from tests.stress.test_paused import WORDS
from tests.stress.worker_process import WorkerSpec

AN_HOUR_S = 3_600.0
SLACK_S = 3.0
pytestmark = [pytest.mark.postgres, pytest.mark.slow]


class LostHints:
    """Nobody hears anything."""

    async def send(self, channel: str, hint: Mapping[str, object]) -> None:
        pass

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[Mapping[str, object]]]:
        yield _silence()


async def _silence() -> AsyncIterator[Mapping[str, object]]:
    await asyncio.Event().wait()
    yield {}


@pytest.mark.redis
async def test_a_worker_that_stops_hands_its_answer_to_another_at_once(
    watched_postgres: Watched, redis_server: RedisServer, tmp_path: Path
) -> None:
    assert watched_postgres.url is not None
    times = {"lease_s": AN_HOUR_S, "heartbeat_s": AN_HOUR_S / 3}
    spec = WorkerSpec(str(tmp_path), watched_postgres.url, redis_server.url(), 45, 0.1, times)
    async with (
        open_office(spec, watched_postgres.books) as office,
        two_workers(office, tmp_path) as workers,
    ):
        asked = await office.ask(WORDS)
        await until_heard(asked, generation=0, deltas=5)
        holder, _ = await office.holder(workers)

        holder.process.send(signal.SIGTERM)
        stopped_at = time.monotonic()
        await until_heard(asked, generation=1)
        took_s = asked.heard.began_at(1) - stopped_at

        sys.stdout.write(f"\nhanded over after {took_s:.2f} s\n")
        assert took_s < 2 + SLACK_S
        assert await holder.process.ended() == 0
        assert (await office.answered(asked)).status is RunStatus.SUCCEEDED
        assert asked.heard.stale() == []
        assert asked.heard.text(1) == await office.text(asked) == WORDS
        assert await office.books.wrong_at_rest() == []


@asynccontextmanager
async def workers(
    watched: Watched, hints: Hints, live: MemoryLive, *, capacities: list[int], poll_s: float
) -> AsyncIterator[list[Bench]]:
    """Processes of these capacities; one of capacity 0 only answers requests."""
    models = ScriptedModel(chances(1), Temper(fails=0, breaks=0, hangs=1, pause_s=0))
    times = replace(SHORT, lease_s=AN_HOUR_S, poll_s=poll_s)
    databases = [watched.open() for _ in capacities]
    async with AsyncExitStack() as stack:
        for database in databases:
            stack.push_async_callback(database.close)
        benches = [
            open_bench(
                database, live=live, hints=hints, models=models, capacity=capacity, times=times, task_s=60
            )
            for database, capacity in zip(databases, capacities, strict=True)
        ]
        yield [await stack.enter_async_context(bench) for bench in benches]


async def test_without_hints_work_waits_for_the_next_poll(watched_postgres: Watched) -> None:
    poll_s = 0.5
    async with Broadcast("memory://") as broadcast:
        live = MemoryLive(broadcast, monotonic_s=time.monotonic)
        async with workers(watched_postgres, LostHints(), live, capacities=[0, 4], poll_s=poll_s) as (
            front,
            _,
        ):
            waited_s = [await wait_for_start(watched_postgres, front, count=1) for _ in range(5)]

    sys.stdout.write(
        f"\nwithout hints the slowest start took {max(waited_s):.2f} s at a poll of {poll_s} s\n"
    )
    assert max(waited_s) < poll_s + SLACK_S


async def test_hints_fill_all_slots_however_many_workers_reach_for_them(watched_postgres: Watched) -> None:
    async with Broadcast("memory://") as broadcast:
        live, hints = MemoryLive(broadcast, monotonic_s=time.monotonic), MemoryHints(broadcast)
        capacities = [0, 1, 1, 4, 4]
        async with workers(watched_postgres, hints, live, capacities=capacities, poll_s=AN_HOUR_S) as (
            front,
            *_,
        ):
            waited_s = [await wait_for_start(watched_postgres, front, count=8) for _ in range(10)]

    sys.stdout.write(f"\nwith hints the slowest start of 8 took {max(waited_s):.2f} s\n")
    assert max(waited_s) < SLACK_S


async def wait_for_start(watched: Watched, front: Bench, *, count: int) -> float:
    """How long it takes until so many messages to one idle agent are all begun, after the last one was sent.

    No answer ends meanwhile, so that nothing else wakes anybody; they are stopped afterwards.
    """
    person, agent_id = await settle(front), new_id()
    await add_one(front.scopes.open(person.user_id), person.project_id, agent_id, limit=count)
    messages = [
        NewMessageInput(f"question {number}", str(number), target=agent_id) for number in range(count)
    ]
    async with asyncio.TaskGroup() as group:
        sent = [
            group.create_task(front.send.message(front.scopes.open(person.user_id), session_id, message))
            for session_id, message in zip(person.sessions, messages, strict=False)
        ]
    began = time.monotonic()

    async def started() -> bool:
        return await watched.books.number("SELECT count(*) FROM tasks WHERE status = 'QUEUED'") == 0

    await until(started)
    waited_s = time.monotonic() - began
    for each in sent:
        await front.stop(front.scopes.open(person.user_id), each.result().run_id)
    return waited_s

"""A worker that was frozen past its lease neither writes nor speaks when it goes on, and is of use again."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from domain.conversations.entities import RunStatus
from tests.launchers.redis import RedisServer
from tests.stress.conftest import Watched
from tests.stress.office import Office, Question, open_office, two_workers, until_heard
from tests.stress.worker_process import WorkerProcess, WorkerSpec

LEASE_S, POLL_S = 1.0, 0.2
TIMES = {"lease_s": LEASE_S, "heartbeat_s": 0.3, "poll_s": POLL_S}
WORDS = " ".join(f"word{number}" for number in range(90))
SECONDS_TO_DO_WRONG = 1.0
SLACK_S = 5.0

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.slow]


def installation(watched: Watched, redis: RedisServer) -> WorkerSpec:
    assert watched.url is not None
    return WorkerSpec(str(watched.folder), watched.url, redis.url(), 45, 0.1, TIMES)


async def taken_over(
    office: Office, workers: list[WorkerProcess]
) -> tuple[Question, WorkerProcess, WorkerProcess]:
    """A question whose worker was frozen in mid-answer, so that the other has just begun again; with both."""
    asked = await office.ask(WORDS)
    await until_heard(asked, generation=0, deltas=5)
    frozen, other = await office.holder(workers)
    frozen.process.pause()
    paused_at = time.monotonic()
    await until_heard(asked, generation=1)
    took_s = asked.heard.began_at(1) - paused_at
    sys.stdout.write(f"\ntaken over after {took_s:.2f} s\n")
    assert took_s < LEASE_S + POLL_S + SLACK_S
    return asked, frozen, other


async def assert_only_the_second_counts(office: Office, asked: Question) -> None:
    run = await office.answered(asked)
    await asyncio.sleep(SECONDS_TO_DO_WRONG)
    assert run.status is RunStatus.SUCCEEDED
    assert asked.heard.stale() == []
    assert asked.heard.text(1) == await office.text(asked) == WORDS
    assert await office.books.rows("SELECT generation, restarts, fence FROM tasks") == [(1, 1, 3)]
    assert await office.books.wrong_at_rest() == []


async def assert_works_alone(office: Office, worker: WorkerProcess, other: WorkerProcess) -> None:
    await other.process.stop()
    asked = await office.ask("one two three")
    assert (await office.answered(asked)).status is RunStatus.SUCCEEDED
    assert worker.process.running


async def test_it_goes_on_while_another_answers(
    watched_postgres: Watched, redis_server: RedisServer, tmp_path: Path
) -> None:
    async with (
        open_office(installation(watched_postgres, redis_server), watched_postgres.books) as office,
        two_workers(office, tmp_path) as workers,
    ):
        asked, frozen, other = await taken_over(office, workers)

        frozen.process.resume()

        await assert_only_the_second_counts(office, asked)
        await assert_works_alone(office, frozen, other)


async def test_it_goes_on_after_another_has_answered(
    watched_postgres: Watched, redis_server: RedisServer, tmp_path: Path
) -> None:
    async with (
        open_office(installation(watched_postgres, redis_server), watched_postgres.books) as office,
        two_workers(office, tmp_path) as workers,
    ):
        asked, frozen, other = await taken_over(office, workers)
        await office.answered(asked)
        before = await office.books.everything()

        frozen.process.resume()

        await asyncio.sleep(SECONDS_TO_DO_WRONG)
        assert await office.books.everything() == before
        await assert_only_the_second_counts(office, asked)
        await assert_works_alone(office, frozen, other)


async def test_the_only_worker_goes_on_by_itself(
    watched_postgres: Watched, redis_server: RedisServer, tmp_path: Path
) -> None:
    async with (
        open_office(installation(watched_postgres, redis_server), watched_postgres.books) as office,
        two_workers(office, tmp_path) as workers,
    ):
        await workers[1].process.stop()
        asked = await office.ask(WORDS)
        await until_heard(asked, generation=0, deltas=5)

        workers[0].process.pause()
        await asyncio.sleep(LEASE_S + 0.2)
        workers[0].process.resume()

        assert (await office.answered(asked)).status is RunStatus.SUCCEEDED
        assert await office.text(asked) == WORDS
        assert asked.heard.stale() == []
        assert await office.books.wrong_at_rest() == []

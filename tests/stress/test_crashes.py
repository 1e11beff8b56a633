"""A process is killed at every moment of a direct call: the next one ends the run, and nothing is there twice."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from domain.bus.recover import GIVEN_UP, RESTARTS
from graphql_api.app.stores import DATABASE_FILE
from tests.launchers.postgres import PostgresServer
from tests.stress.books import Books, SqliteBooks
from tests.stress.conftest import watched_database
from tests.stress.crashing import Spec

REPOSITORY = Path(__file__).parents[2]
LANES = 2
"""Processes that crash at the same time, each with data of its own."""
LEASE_S = 3.0
SHORT = {"lease_s": LEASE_S, "heartbeat_s": 0.3, "poll_s": 0.2}
"""A lease that a busy machine does not lose by itself."""
PUT_OFF = {"lease_s": 3_600.0, "heartbeat_s": 1_200.0}
"""Who would wait for the end of a lease is not done in time."""
SLACK_S = 5.0
"""What a slow machine may add to any of the times below."""
TIMEOUT_S = 3_600

Told = dict[str, Any]


async def crashes(specs: Sequence[Spec]) -> list[Told]:
    """What became of every moment."""
    async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as group:
        lanes = [group.create_task(_crashes(spec)) for spec in specs]
    return [told for lane in lanes for told in lane.result()]


async def _crashes(spec: Spec) -> list[Told]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.stress.crashing", json.dumps(asdict(spec))),
        cwd=REPOSITORY,
        env={
            name: value for name, value in os.environ.items() if not name.startswith(("CODELAB_", "OPENAI_"))
        },
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


def judge(told: list[Told], *, recovered_within_s: float) -> None:
    """Every moment was met, and every run ended as it must, in time."""
    moments = {tuple(it["moment"]): it for it in told if "moment" in it}
    hopeless = moments.pop(("hopeless", RESTARTS + 1))
    worst_s = max(it["took_s"] for it in moments.values())
    sys.stdout.write(f"\n{len(moments)} moments, the slowest recovered after {worst_s} s\n")

    assert len(moments) == next(it["moments"] for it in told if "moments" in it)
    assert all(it["killed"] for it in moments.values())
    assert all(it["one run"] and it["whole"] and it["status"] == "SUCCEEDED" for it in moments.values())
    assert worst_s < recovered_within_s
    for (kind, number), it in moments.items():
        assert it["admitted"] == ((kind, number) != ("before commit", 1))
        begun_again = it["admitted"] and it["model calls"]
        assert it["generation"] == (1 if begun_again else 0), (kind, number)
        assert it["model calls"] <= 1
    last_commit = max(number for kind, number in moments if kind == "after commit")
    assert moments["after commit", last_commit]["model calls"] == 0, "what is recorded is not asked for again"
    assert hopeless["killed"]
    assert (hopeless["status"], hopeless["problem"], hopeless["model calls"]) == ("FAILED", GIVEN_UP, 0)
    assert hopeless["text"], "what was written is kept"


async def judge_books(books: Books, moments: int) -> None:
    """Nothing is there twice, and every counter is right."""
    assert await books.wrong_at_rest() == []
    assert await books.number("SELECT count(*) FROM runs") == moments
    assert await books.number("SELECT count(*) FROM messages") == 2 * moments
    assert (
        await books.number("SELECT max(total) FROM (SELECT count(*) AS total FROM usage GROUP BY task_id) t")
        == 1
    )
    assert await books.number("SELECT sum(processed) - sum(failed) FROM agent_slots") == await books.number(
        "SELECT count(*) FROM tasks WHERE status = 'SUCCEEDED'"
    )
    assert await books.number("SELECT sum(waiting) + sum(running) FROM agent_slots") == 0


def _in_lane(told: list[Told], lane: int) -> int:
    """How many runs a lane made: one for each of its moments, and one that was not disturbed."""
    total = next(it["moments"] for it in told if "moments" in it)
    return len(range(lane, total, LANES)) + 1 + (lane == 0)


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S)
async def test_an_embedded_process_goes_on_at_once_wherever_the_one_before_was_killed(
    tmp_path: Path, *, soak: bool
) -> None:
    words = 40 if soak else 2
    folders = [tmp_path / f"lane{lane}" for lane in range(LANES)]
    for folder in folders:
        folder.mkdir()

    told = await crashes(
        [Spec(str(folder), None, words, lane, LANES, PUT_OFF, soak) for lane, folder in enumerate(folders)]
    )

    judge(told, recovered_within_s=1 + SLACK_S)
    for lane, folder in enumerate(folders):
        await judge_books(SqliteBooks(folder / DATABASE_FILE), _in_lane(told, lane))


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(TIMEOUT_S)
async def test_another_process_goes_on_after_the_lease_wherever_one_was_killed(
    tmp_path: Path, postgres_server: PostgresServer, postgres_template: str, *, soak: bool
) -> None:
    words = 40 if soak else 2
    async with AsyncExitStack() as stack:
        watched = [
            await stack.enter_async_context(watched_database(postgres_server, postgres_template, tmp_path))
            for _ in range(LANES)
        ]

        told = await crashes(
            [Spec(str(tmp_path), it.url, words, lane, LANES, SHORT, soak) for lane, it in enumerate(watched)]
        )

        judge(told, recovered_within_s=LEASE_S + 1 + SLACK_S)
        for lane, it in enumerate(watched):
            await judge_books(it.books, _in_lane(told, lane))

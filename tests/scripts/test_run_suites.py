"""No test is forgotten when suites are put together, and what tests leave behind is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.run_suites import MEASURED, WAITING, Session, end_what_was_left, lanes, suites


def sessions(suite: str) -> list[Session]:
    """Those in which a suite runs when all run."""
    return [session for lane in lanes(suites()) for session in lane if suite in session.suites]


@pytest.mark.parametrize("suite", suites())
def test_every_test_of_a_suite_runs_once(suite: str) -> None:
    chosen = [session.tests for session in sessions(suite)]

    assert sorted(chosen) == (["not postgres", "postgres"] if suite in MEASURED else [""])


@pytest.mark.parametrize("suite", WAITING)
def test_suites_of_whole_servers_run_one_at_a_time(suite: str) -> None:
    (session,) = sessions(suite)

    assert session.suites == [suite]
    assert not session.parallel


@pytest.mark.parametrize("suite", sorted(MEASURED))
def test_what_is_measured_is_measured_on_the_embedded_database(suite: str) -> None:
    (session,) = [session for session in sessions(suite) if session.tests == "not postgres"]

    assert session.measured


def test_a_process_that_was_left_running_is_ended_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    idle = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    child = subprocess.Popen(
        idle, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"TMPDIR": str(tmp_path)}
    )
    assert child.stdout is not None
    child.stdout.readline()

    with child:
        assert end_what_was_left(tmp_path) == 1

    assert "left running" in capsys.readouterr().out
    assert end_what_was_left(tmp_path) == 0

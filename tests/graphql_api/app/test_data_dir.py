"""Who may use the data folder."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import threading
from pathlib import Path

import pytest

from graphql_api.app.data_dir import LOCK_FILE, DataDirRefused, default_data_dir, is_held, locked
from tests.launchers.owned_process import OwnedProcess

HOLD = """
import sys, time
from pathlib import Path
from graphql_api.app.data_dir import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
ROOT = Path(__file__).parents[3]


async def _holder(folder: Path, tmp_path: Path) -> OwnedProcess:
    process = OwnedProcess([sys.executable, "-c", HOLD, folder], output=tmp_path / "output", cwd=ROOT)

    async def held() -> bool:
        return "held" in process.output()

    await process.until_ready(held)
    return process


def _with_lock(folder: Path) -> None:
    with locked(folder):
        pass


async def test_a_folder_that_another_process_uses_is_refused_with_its_pid(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    process = await _holder(folder, tmp_path)

    try:
        with pytest.raises(
            DataDirRefused, match=rf"in use by process {process.pid}. Stop it \(kill {process.pid}\)"
        ):
            _with_lock(folder)
    finally:
        await process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_folder_is_free_again_however_its_process_ended(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = await _holder(tmp_path / "data", tmp_path)

    process.send(number)
    await process.ended()

    with locked(tmp_path / "data") as folder:
        assert (folder / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with locked(tmp_path / "deep" / "data") as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / LOCK_FILE).stat().st_mode) == 0o600


def test_a_shorter_pid_replaces_a_longer_one(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text("123456789012\n")

    with locked(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_holder_that_left_no_pid_is_still_in_the_way(tmp_path: Path) -> None:
    with locked(tmp_path):
        (tmp_path / LOCK_FILE).write_text("")

        with pytest.raises(
            DataDirRefused, match=r"in use by another process\. Stop it, or set CODELAB_DATA_DIR"
        ):
            _with_lock(tmp_path)


def test_a_path_that_can_t_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DataDirRefused, match=r"can't be used: .*Set CODELAB_DATA_DIR"):
        _with_lock(tmp_path / "file" / "data")


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)

    with pytest.raises(DataDirRefused, match="can't be locked: No locks available"):
        _with_lock(tmp_path)


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("/data", "/data/codelab"),
        ("", "/home/me/.local/share/codelab"),
        ("relative", "/home/me/.local/share/codelab"),
    ],
)
def test_the_default_folder_follows_the_xdg_specification(
    root: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_DATA_HOME", root)

    assert default_data_dir() == Path(expected)


async def test_of_many_that_come_at_once_one_gets_the_folder(tmp_path: Path) -> None:
    def attempt() -> bool:
        try:
            with locked(tmp_path):
                barrier.wait(5)
        except DataDirRefused:
            barrier.wait(5)
            return False
        return True

    barrier = threading.Barrier(4)
    outcomes = await asyncio.gather(*(asyncio.to_thread(attempt) for _ in range(4)))

    assert sorted(outcomes) == [False, False, False, True]


def test_whether_a_folder_is_held_is_told_by_its_last_process(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with locked(tmp_path):
        assert is_held(tmp_path)
    (tmp_path / LOCK_FILE).write_text("")
    assert not is_held(tmp_path)

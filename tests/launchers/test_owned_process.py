"""The life of a child process that a test owns."""

import signal
import sys
from pathlib import Path

import pytest

from tests.launchers.owned_process import NotReady, OwnedProcess

IGNORES_SIGTERM = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)


def _python(code: str, folder: Path) -> OwnedProcess:
    return OwnedProcess([sys.executable, "-c", code], output=folder / "log")


async def _never() -> bool:
    return False


async def test_a_process_that_ends_early_says_what_it_printed(tmp_path: Path) -> None:
    process = _python("print('no such port'); raise SystemExit(3)", tmp_path)

    with pytest.raises(NotReady, match=r"ended with 3: no such port"):
        await process.until_ready(_never)


async def test_a_process_that_never_becomes_ready_is_given_up(tmp_path: Path) -> None:
    process = _python("import time; time.sleep(60)", tmp_path)

    with pytest.raises(NotReady, match="not ready after"):
        await process.until_ready(_never, timeout_s=0.05)

    assert await process.stop() == -signal.SIGTERM


async def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    process = _python(IGNORES_SIGTERM, tmp_path)

    async def up() -> bool:
        return "up" in process.output()

    await process.until_ready(up)

    assert await process.stop(grace_s=0.1) == -signal.SIGKILL
    assert not process.running


async def test_a_frozen_process_can_be_stopped(tmp_path: Path) -> None:
    process = _python("import time; time.sleep(60)", tmp_path)

    process.pause()

    assert await process.stop() == -signal.SIGTERM

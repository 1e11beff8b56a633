"""Runs the frontend's own test files as one child process."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "frontend"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def require_frontend(*, browser: bool = False) -> None:
    """Skip the test when something is not installed; fail it where CI=true or TESTS_REQUIRE_FRONTEND=1 demand it."""
    missing = _missing(browser=browser)
    if missing is None:
        return
    if os.environ.get("CI") == "true" or os.environ.get("TESTS_REQUIRE_FRONTEND"):
        pytest.fail(missing)
    pytest.skip(missing)


def _missing(*, browser: bool) -> str | None:
    if not (FRONTEND / "node_modules" / ".installed").exists() or shutil.which("npx") is None:
        return "the frontend's packages are not installed: `make test` fetches them"
    if browser and CHROMIUM is None:
        return "there is no Chromium: `make test` installs it on Debian"
    if browser and not (FRONTEND / "dist" / ".built").exists():
        return "the pages are not built: `make test` builds them"
    return None


async def run_tests(*arguments: str, settings: Mapping[str, str] | None = None) -> None:
    """Run vitest with these arguments."""
    await run("npx", "vitest", "run", *arguments, settings=settings)


async def run(*command: str, settings: Mapping[str, str] | None = None, timeout_s: float = 120) -> None:
    """Run a command in frontend/, with `settings` in its environment; its output is the failure's text."""
    with tempfile.TemporaryFile() as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=FRONTEND,
            env={**os.environ, **(settings or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(timeout_s):
                code = await process.wait()
        except TimeoutError:
            code = None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        output.seek(0)
        assert code == 0, output.read().decode()

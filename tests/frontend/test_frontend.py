"""What frontend/ tests by itself, without a server and against one."""

import re
from pathlib import Path

import pytest

from tests.frontend.runner import CHROMIUM, require_frontend, run, run_tests
from tests.processes import CodelabProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def _sign_in_link(server: CodelabProcess) -> str:
    found: re.Match[str] = await server.printed(r"http://\S+/#token=\S+")
    return found[0]


async def test_the_units_of_the_frontend_pass() -> None:
    require_frontend()

    await run_tests("--project", "units")


async def test_the_types_fit_and_the_generated_files_are_fresh() -> None:
    require_frontend()

    await run("./check")


async def test_the_typed_client_has_a_conversation_and_resumes_after_a_cut(tmp_path: Path) -> None:
    require_frontend()

    async with CodelabProcess(tmp_path) as server:
        settings = {"TESTS_SIGN_IN_LINK": await _sign_in_link(server)}
        await run_tests("--project", "e2e", "conversation", settings=settings)


async def test_graphiql_shows_a_newcomer_a_live_answer(tmp_path: Path) -> None:
    require_frontend(browser=True)
    assert CHROMIUM is not None

    async with CodelabProcess(tmp_path) as server:
        settings = {"TESTS_SIGN_IN_LINK": await _sign_in_link(server), "TESTS_CHROMIUM": CHROMIUM}
        await run_tests("--project", "e2e", "graphiql", settings=settings)

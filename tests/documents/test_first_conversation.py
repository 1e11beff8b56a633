"""The README's first conversation works as it is printed."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.processes import CodelabProcess

README = Path(__file__).parents[2] / "README.md"


def _commands(heading: str) -> str:
    section = README.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


async def _printed_by(script: str) -> str:
    shell = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        output, _ = await shell.communicate()
    return output.decode()


@pytest.mark.slow
async def test_the_first_conversation_works_as_it_is_printed(tmp_path: Path) -> None:
    async with CodelabProcess(tmp_path) as server:
        printed = await _printed_by(
            _commands("First conversation").replace("http://127.0.0.1:8000", server.url)
        )

    assert '"status":"SUCCEEDED","answer":{"content":"2+2 = 4","model":"offline-1"' in printed
    assert re.search(r"^id: \d+$", printed, re.MULTILINE)
    assert '"__typename":"MessageDelta","offset":0' in printed
    assert '"__typename":"MessageCompleted"' in printed

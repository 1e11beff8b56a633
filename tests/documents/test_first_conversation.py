"""The first conversations that the documents print work as they are printed."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
from graphql import DocumentNode, parse, validate

from graphql_api.schema import build_schema
from tests.processes import CodelabProcess

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
QUICK_START = (ROOT / "docs/api.md").read_text().split("## Ten minutes\n")[1].split("\n## ")[0]
NODE_PACKAGES = ROOT / "tests/peers"
"""Where the npm packages are that the example imports."""


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


@pytest.mark.slow
async def test_the_example_of_memory_works_as_it_is_printed(tmp_path: Path) -> None:
    page = (ROOT / "docs/api.md").read_text().split("\n## Memory\n")[1].split("\n## ")[0]
    example = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    async with CodelabProcess(tmp_path) as server:
        script = f"{_commands('First conversation')}\n{example}"
        printed = await _printed_by(script.replace("http://127.0.0.1:8000", server.url))

    assert '"memory":{"text":"My favourite colour is teal","kind":"NOTE"}' in printed
    assert '"content":"You told me earlier: your favourite colour is teal.","citations":[{"score":' in printed
    assert '"excerpt":"My favourite colour is teal"' in printed


def _program(language: str, url: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", QUICK_START, re.DOTALL)
    assert found is not None
    return found[1].replace("http://127.0.0.1:8000", url)


@pytest.mark.slow
async def test_the_quick_start_in_python_works_as_it_is_printed(tmp_path: Path) -> None:
    async with CodelabProcess(tmp_path / "data") as server:
        (tmp_path / "first.py").write_text(_program("python", server.url))
        client = ROOT / "clients/python"

        printed = await _printed_by(f"PYTHONPATH={client} {sys.executable} {tmp_path}/first.py")

    assert printed == "2+2 = 4\n"


@pytest.mark.slow
async def test_the_quick_start_in_typescript_works_as_it_is_printed(tmp_path: Path) -> None:
    program = NODE_PACKAGES / f"{tmp_path.name}.mjs"  # beside the packages: Node looks for them from there
    async with CodelabProcess(tmp_path / "data") as server:
        program.write_text(_program("ts", server.url))
        try:
            printed = await _printed_by(f"node {program}")
        finally:
            program.unlink()

    assert "".join(printed.split()) == "2+2=4"


def test_every_example_of_the_page_is_valid() -> None:
    """Documents of several operations without a name are taken one by one."""
    schema = build_schema()._schema
    page = (ROOT / "docs/api.md").read_text()

    for block in re.findall(r"```graphql\n(.*?)```", page, re.DOTALL):
        for operation in parse(block).definitions:
            errors = validate(schema, DocumentNode(definitions=(operation,)))
            assert not errors, f"{block}: {errors[0].message}"

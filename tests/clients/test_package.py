"""The Python client as it is published: what is in it, what it needs, and its README."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import sys
import tomllib
import zipfile
from pathlib import Path
from types import UnionType

import pytest
from graphql import GraphQLInterfaceType, GraphQLUnionType, build_schema, parse, validate
from packaging.requirements import Requirement

from codelab_client import ProjectChange, SessionEvent
from codelab_client.generated import documents
from tests.processes import CodelabProcess

ROOT = Path(__file__).parents[2]
HOME = ROOT / "clients/python"
SOURCES = sorted((HOME / "codelab_client").rglob("*.py"))
OPERATIONS = sorted((HOME / "operations").glob("*.graphql"))
DOCUMENTS = [name for name in dir(documents) if name.endswith("_GQL")]
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
SERVER_LOCK = (ROOT / "requirements.lock").read_text()


async def _run(*command: str, cwd: Path = ROOT, pythonpath: Path | None = None) -> str:
    env = {**os.environ, "PYTHONPATH": str(pythonpath or "")}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
async def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is published."""
    folder = tmp_path_factory.mktemp("wheel")
    await _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=HOME)
    return next(folder.glob("*.whl"))


async def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    expected = {path.relative_to(HOME).as_posix() for path in (*SOURCES, HOME / "codelab_client/py.typed")}
    assert names == expected


async def test_the_installed_wheel_works_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)

    script = (
        "import codelab_client as c, importlib.metadata as m; print(c.__file__, m.version('codelab-client'))"
    )
    printed = await _run(sys.executable, "-W", "error", "-c", script, cwd=tmp_path, pythonpath=tmp_path)

    assert printed.split() == [str(tmp_path / "codelab_client/__init__.py"), PROJECT["version"]]


def test_it_imports_only_what_it_declares() -> None:
    declared = {Requirement(text).name for text in PROJECT["dependencies"]}
    imported = {
        name.partition(".")[0]
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text()))
        for name in _imported(node)
    }

    foreign = imported - set(sys.stdlib_module_names) - {"codelab_client"}
    assert foreign == declared | {"pydantic_core"}  # which pydantic pins


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
    return []


@pytest.mark.parametrize("declared", PROJECT["dependencies"])
def test_it_accepts_the_versions_that_it_is_tested_with(declared: str) -> None:
    requirement = Requirement(declared)
    pinned = re.search(rf"^{requirement.name}==([^ ;\\]+)", SERVER_LOCK, re.MULTILINE)

    assert pinned is not None
    assert requirement.specifier.contains(pinned[1])


def test_the_operations_are_valid() -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text())
    written = parse("\n".join(path.read_text() for path in OPERATIONS))

    assert validate(schema, written) == []
    for name in DOCUMENTS:
        assert validate(schema, parse(getattr(documents, name))) == [], name


def test_the_generated_package_holds_every_operation() -> None:
    written = re.findall(
        r"^(?:query|mutation|subscription) (\w+)",
        "\n".join(path.read_text() for path in OPERATIONS),
        re.MULTILINE,
    )

    assert sorted(name.replace("_", "").removesuffix("GQL") for name in DOCUMENTS) == sorted(
        name.upper() for name in written
    )


@pytest.mark.parametrize(
    ("abstract", "union"), [("SessionEvent", SessionEvent), ("ProjectChange", ProjectChange)]
)
def test_it_knows_every_event(abstract: str, union: UnionType) -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text())
    kind = schema.type_map[abstract]
    assert isinstance(kind, GraphQLInterfaceType | GraphQLUnionType)

    assert {it.name for it in schema.get_possible_types(kind)} == {it.__name__ for it in union.__args__}


def test_the_generators_lock_is_hashed_and_names_no_host() -> None:
    lock = (HOME / "codegen.lock").read_text()

    assert re.findall(r"\S*://\S*|--\S*(?:index|find-links)\S*", lock) == []
    blocks = re.split(r"\n(?=\S)", lock)
    assert [block for block in blocks if "==" in block and "--hash=sha256:" not in block] == []


@pytest.mark.slow
async def test_the_five_minute_example_works_as_it_is_printed(tmp_path: Path) -> None:
    example = re.findall(r"```python\n(import asyncio.*?)```", (HOME / "README.md").read_text(), re.DOTALL)[0]

    async with CodelabProcess(tmp_path) as server:
        script = example.replace("http://127.0.0.1:8000", server.url)
        printed = await _run(sys.executable, "-W", "error", "-c", script, pythonpath=HOME)

    assert printed.startswith("I am CodeLab's offline model")
    assert re.search(r"^USER COMPLETE \d+\nAGENT COMPLETE \d+$", printed, re.MULTILINE)

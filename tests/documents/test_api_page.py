"""The page about the API lists every problem and every code that there is, and none that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from graphql import GraphQLInterfaceType

from domain.errors import CodeLabError
from graphql_api.schema import build_schema
from graphql_api.transport.errors import Code

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text()


def _first_cells(heading: str) -> str:
    """The first column of the tables below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(line.split("|")[1] for line in section.splitlines() if line.startswith("|"))


def _kinds_of(kind: type[CodeLabError]) -> Iterator[type[CodeLabError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _kinds_of(sub)


def _code(kind: type[CodeLabError]) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).upper()


def test_every_problem_is_listed() -> None:
    schema = build_schema()._schema
    problem = schema.type_map["Problem"]
    assert isinstance(problem, GraphQLInterfaceType)

    assert set(re.findall(r"`(\w+)`", _first_cells("Problems"))) == {
        kind.name for kind in schema.get_possible_types(problem)
    }


def test_every_code_is_listed() -> None:
    listed = set(re.findall(r"`([A-Z_]+)`", _first_cells("Errors")))
    ours = {_code(kind) for kind in _kinds_of(CodeLabError) if kind.__module__ == "domain.errors"}

    assert listed == {*Code} | ours

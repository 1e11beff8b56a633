"""Projects and orchestrators keep their rules."""

from dataclasses import replace

import pytest

from domain.errors import Invalid
from domain.fields import Fields
from domain.models.entities import ModelRef
from domain.projects.entities import Orchestrator
from domain.projects.validate import checked_name, checked_orchestrator, checked_path


def paths(fields: Fields) -> list[tuple[str, ...]]:
    with pytest.raises(Invalid) as refused:
        fields.check()
    return [field.path for field in refused.value.fields]


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\tb", "\0"])
def test_a_name_that_breaks_the_rule_is_refused(name: str) -> None:
    fields = Fields()

    checked_name(name, fields)

    assert paths(fields) == [("name",)]


@pytest.mark.parametrize("path", ["/home/me/work", "C:\\work", "\\\\server\\share", None])
def test_an_absolute_path_of_any_system_is_a_workspace(path: str | None) -> None:
    fields = Fields()

    assert checked_path(path, fields) == path
    fields.check()


@pytest.mark.parametrize("path", ["", "work", "./work", "~/work", "/" + "x" * 1_000, "/a\0b"])
def test_any_other_path_is_refused(path: str) -> None:
    fields = Fields()

    checked_path(path, fields)

    assert paths(fields) == [("workspacePath",)]


@pytest.mark.parametrize(
    ("orchestrator", "path"),
    [
        (replace(Orchestrator(), model=ModelRef("", "m")), ("model", "provider")),
        (replace(Orchestrator(), prompt="x" * 20_001), ("prompt",)),
        (replace(Orchestrator(), approve_from_tasks=0), ("approveFromTasks",)),
        (replace(Orchestrator(), approve_from_cost_micro_usd=-1), ("approveFromCost",)),
        (replace(Orchestrator(), approve_from_cost_micro_usd=10**400), ("approveFromCost",)),
        (replace(Orchestrator(), max_tasks=101), ("maxTasks",)),
    ],
)
def test_orchestrator_settings_that_break_a_rule_are_refused(
    orchestrator: Orchestrator, path: tuple[str, ...]
) -> None:
    with pytest.raises(Invalid) as refused:
        checked_orchestrator(orchestrator)

    assert [field.path for field in refused.value.fields] == [path]


def test_the_default_orchestrator_keeps_the_rules() -> None:
    assert checked_orchestrator(Orchestrator()) == Orchestrator()

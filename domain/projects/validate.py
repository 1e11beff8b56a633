"""The rules that projects and their orchestrators' settings keep (spec S2)."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

from domain.agents.validate import MAX_PROMPT, checked_model
from domain.fields import Fields
from domain.projects.entities import Orchestrator

MAX_NAME = 80
MAX_PATH = 1_000
MAX_TASKS = 100
MAX_COST_MICRO_USD = 1_000_000_000
"""$1,000: above it a bound on one plan's cost bounds nothing."""


def checked_name(name: str, fields: Fields) -> str:
    """A project's name in the form in which it is stored."""
    return fields.line(name, "name", at_least=1, at_most=MAX_NAME)


def checked_path(path: str | None, fields: Fields) -> str | None:
    """The workspace, a folder on the user's own machine: absolute, in the notation of any system."""
    if path is None:
        return None
    clean = fields.line(path, "workspacePath", at_least=1, at_most=MAX_PATH)
    if clean and not (PurePosixPath(clean).is_absolute() or PureWindowsPath(clean).is_absolute()):
        fields.refuse("The workspace path must be absolute.", "workspacePath")
    return clean


def checked_orchestrator(orchestrator: Orchestrator) -> Orchestrator:
    """The settings in the form in which they are stored.

    Raises:
        Invalid: with each field that breaks a rule, by its path.
    """
    fields = Fields()
    clean = Orchestrator(
        model=checked_model(orchestrator.model, fields),
        prompt=fields.text(orchestrator.prompt, "prompt", at_most=MAX_PROMPT),
        approve_from_tasks=fields.number(
            orchestrator.approve_from_tasks, "approveFromTasks", at_least=1, at_most=MAX_TASKS
        ),
        approve_from_cost_micro_usd=fields.number(
            orchestrator.approve_from_cost_micro_usd,
            "approveFromCost",
            at_least=0,
            at_most=MAX_COST_MICRO_USD,
        ),
        max_tasks=fields.number(orchestrator.max_tasks, "maxTasks", at_least=1, at_most=MAX_TASKS),
    )
    fields.check()
    return clean

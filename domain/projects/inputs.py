"""What a user says about a project and its orchestrator: any part of it."""

from __future__ import annotations

from dataclasses import dataclass

from domain.models.entities import ModelRef
from domain.unset import UNSET, Unset


@dataclass(frozen=True, slots=True)
class ProjectInput:
    """The fields that were given; `workspace_path` None removes the path."""

    name: str | Unset = UNSET
    workspace_path: str | Unset | None = UNSET


@dataclass(frozen=True, slots=True)
class OrchestratorInput:
    """The settings that were given; an absent one keeps its value."""

    model: ModelRef | Unset = UNSET
    prompt: str | Unset = UNSET
    approve_from_tasks: int | Unset = UNSET
    approve_from_cost_micro_usd: int | Unset = UNSET
    max_tasks: int | Unset = UNSET

"""Projects and their orchestrator's settings as they are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.models.entities import ModelRef


@dataclass(frozen=True, slots=True)
class Project:
    """What holds agents and sessions; the unit of isolation inside a user."""

    id: UUID
    name: str
    workspace_path: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """How a project's requests without a target are planned and when plans need a yes.

    Defaults: plans of 3 tasks or above $0.10 ask (spec S5).
    """

    model: ModelRef = ModelRef("codelab", "default")
    prompt: str = ""
    approve_from_tasks: int = 3
    approve_from_cost_micro_usd: int = 100_000
    max_tasks: int = 20

"""Statements on a project's orchestrator settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.models.entities import ModelRef
from domain.projects.entities import Orchestrator
from persistence.statements import param, select, update
from persistence.tables.projects import orchestrators as t

if TYPE_CHECKING:
    from persistence.statements import Rows

_COLUMNS = (
    t.c.model_provider,
    t.c.model_name,
    t.c.prompt,
    t.c.approve_from_tasks,
    t.c.approve_from_cost_micro_usd,
    t.c.max_tasks,
)
_GET = select(*_COLUMNS)
_SAVE = update(t).values({column: param(column.name, column.type) for column in _COLUMNS})


class SqlOrchestrators:
    """The orchestrator of one project."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self) -> Orchestrator:
        row = self._rows.one(_GET)
        return Orchestrator(ModelRef(row[0], row[1]), *row[2:]) if row else Orchestrator()

    def save(self, orchestrator: Orchestrator) -> None:
        values: dict[str, Any] = {
            "model_provider": orchestrator.model.provider,
            "model_name": orchestrator.model.name,
            "prompt": orchestrator.prompt,
            "approve_from_tasks": orchestrator.approve_from_tasks,
            "approve_from_cost_micro_usd": orchestrator.approve_from_cost_micro_usd,
            "max_tasks": orchestrator.max_tasks,
        }
        if self._rows.run(_SAVE, **values) == 0:
            self._rows.insert(t, values)

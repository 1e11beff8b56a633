"""What the watchers of a project hear when its agents change: hints to look again, no data."""

from __future__ import annotations

from uuid import UUID

from domain.scopes import HintCommitted, ProjectTx, UserTx


def announce_changed(tx: UserTx, project: ProjectTx, agent_id: UUID) -> None:
    """An agent was created or edited."""
    project.announce(_hint(tx, project, "AGENT_CHANGED", agent_id))


def announce_deleted(tx: UserTx, project: ProjectTx, agent_id: UUID) -> None:
    """An agent is gone."""
    project.announce(_hint(tx, project, "AGENT_DELETED", agent_id))


def _hint(tx: UserTx, project: ProjectTx, kind: str, agent_id: UUID) -> HintCommitted:
    return HintCommitted(
        f"project:{tx.user_id}:{project.project_id}", {"kind": kind, "agent_id": str(agent_id)}
    )

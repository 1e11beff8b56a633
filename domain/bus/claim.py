"""Claims queued tasks for a worker."""

from __future__ import annotations

from uuid import UUID

from domain.bus.ports import LEASE_S
from domain.conversations.entities import RunStatus
from domain.conversations.ports import Advance
from domain.events.kinds import RunStatusChanged
from domain.scopes import HintCommitted, UserTx
from domain.tasks.entities import Claim, TaskKey


class NotReady(Exception):
    """The slot was free and the task was not; rolls the slot back."""


def claim(tx: UserTx, key: TaskKey, *, worker_id: UUID, lease_s: float = LEASE_S) -> Claim | None:
    """Take a slot and the task; None when no slot is free.

    Raises:
        NotReady: another worker was faster, or the answer before it is still being written.
    """
    p = tx.project(key.project_id)
    if not p.slots.start_waiting(key.agent_id):
        return None
    claimed = p.tasks.claim(key.task_id, worker_id=worker_id, lease_s=lease_s)
    if claimed is None or not p.runs.start(claimed.run_id):
        raise NotReady
    served = p.events.append(
        claimed.session_id,
        RunStatusChanged(claimed.run_id, RunStatus.RUNNING, None, None),
        advance=Advance(1, served=True),
    )
    if not served:
        raise NotReady
    p.announce(HintCommitted(f"project:{tx.user_id}:{key.project_id}", agent_changed(key.agent_id)))
    return claimed


def agent_changed(agent_id: UUID) -> dict[str, object]:
    """The hint that an agent's status or queue changed."""
    return {"kind": "AGENT_CHANGED", "agent_id": str(agent_id)}

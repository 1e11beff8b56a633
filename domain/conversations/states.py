"""The moves that a run may make; everything else is a bug."""

from __future__ import annotations

from domain.conversations.entities import RunStatus as S

RUN_ENDS = frozenset({S.SUCCEEDED, S.PARTIALLY_FAILED, S.FAILED, S.CANCELLED, S.REJECTED})
"""States that a run never leaves."""

RUN_MOVES: dict[S, frozenset[S]] = {
    S.QUEUED: frozenset({S.RUNNING, S.PLANNING, S.FAILED, S.CANCELLED}),
    S.PLANNING: frozenset({S.AWAITING_APPROVAL, S.RUNNING, S.QUEUED, S.FAILED, S.CANCELLED}),
    S.AWAITING_APPROVAL: frozenset({S.RUNNING, S.REJECTED, S.FAILED, S.CANCELLED}),
    S.RUNNING: frozenset({S.QUEUED, S.PAUSED, S.SUCCEEDED, S.PARTIALLY_FAILED, S.FAILED, S.CANCELLED}),
    S.PAUSED: frozenset({S.RUNNING, S.FAILED, S.CANCELLED}),
}


def may_move(before: S, to: S) -> bool:
    """Whether a run may go from one state to another; RUNNING to QUEUED is a worker that was lost."""
    return to in RUN_MOVES.get(before, frozenset())

"""Telling the index's writer that something waits for it."""

from __future__ import annotations

from domain.scopes import HintCommitted, ProjectTx

OUTBOX_CHANNEL = "outbox"
"""Hints to all writers of indexes: `{"wake": true}` when something new waits."""


def wake(p: ProjectTx) -> None:
    """Wake them once the transaction is committed; a lost hint costs a second."""
    p.announce(HintCommitted(OUTBOX_CHANNEL, {"wake": True}))

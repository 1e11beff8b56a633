"""Telling the index's writer that something waits for it."""

from __future__ import annotations

from domain.scopes import HintCommitted, ProjectTx

OUTBOX_CHANNEL = "outbox"
"""Hints to all writers of indexes: something new waits, and for `{"wake": true}` somebody waits for it as well."""


def wake(p: ProjectTx) -> None:
    """Wake them once the transaction is committed; a lost hint costs a second."""
    p.announce(HintCommitted(OUTBOX_CHANNEL, {"wake": True}))


def mention(p: ProjectTx) -> None:
    """Let them know of it once the transaction is committed: they write it down together with what follows."""
    p.announce(HintCommitted(OUTBOX_CHANNEL, {"wake": False}))

"""Whether the one who works on a claim may still speak."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from domain.tasks.entities import Claim


@dataclass(slots=True)
class Held:
    """A claim that is being worked on; `valid_until` is monotonic."""

    claim: Claim
    valid_until: float
    task: asyncio.Task[bool] | None = field(default=None)
    recording: bool = False
    recorded: bool = False


class Guard:
    """Tells the one who works on a claim whether it may still speak.

    A process that was stopped past its lease finds the guard closed the moment it goes on.
    """

    def __init__(self, held: Held, monotonic: Callable[[], float]) -> None:
        self._held = held
        self._monotonic = monotonic

    @property
    def open(self) -> bool:
        """Whether the lease still holds by this process's own clock."""
        return self._monotonic() < self._held.valid_until

    def record(self) -> None:
        """The answer is about to be recorded: no stop comes between the commit and what follows it any more.

        Whether the claim still holds is decided by its fence then.
        """
        self._held.recording = True

    def recorded(self) -> None:
        """The end is committed, and everybody was told."""
        self._held.recorded = True


Work = Callable[[Claim, Guard], Awaitable[None]]

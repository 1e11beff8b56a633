"""When to try again, and how long to wait before."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from codelab_client.errors import CodelabError, Disconnected, RateLimited, Refused, Unavailable

_NOT_BEGUN = frozenset({"SHUTTING_DOWN"})
_MAYBE_DONE = frozenset({"TIMEOUT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """Bounds of trying again; all times in seconds.

    Attributes:
        attempts: How often one operation is sent in all.
        first_pause_s: The pause after the first failure; each further one is twice as long.
        longest_pause_s: The longest of these pauses.
        longest_retry_after_s: The longest `Retry-After` that is waited for; beyond it the failure is raised.
        reconnect_for_s: How long a stream tries to come back before it gives up.
        chance: Gives a number from 0 to 1, which spreads pauses so that clients do not return all at once.
    """

    attempts: int = 5
    first_pause_s: float = 0.2
    longest_pause_s: float = 10.0
    longest_retry_after_s: float = 60.0
    reconnect_for_s: float = 300.0
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def pause_s(self, failure: CodelabError, *, failures: int) -> float | None:
        """How long to wait after so many failures in a row; None when the server asks for too long a wait."""
        doubled = self.first_pause_s * 2 ** min(failures - 1, 30)
        own = min(doubled, self.longest_pause_s) * (0.5 + self.chance() / 2)
        asked = failure.retry_after_s or 0.0
        return None if asked > self.longest_retry_after_s else max(own, asked)


def is_passing(failure: CodelabError, *, repeatable: bool) -> bool:
    """Whether another attempt may succeed and does no harm.

    `repeatable` operations may be done twice; others are sent again only when nothing happened yet.
    """
    match failure:
        case RateLimited() | Unavailable():
            return True
        case Refused(code=code):
            return code in _NOT_BEGUN or (repeatable and code in _MAYBE_DONE)
        case Disconnected(maybe_done=maybe_done):
            return repeatable or not maybe_done
    return False

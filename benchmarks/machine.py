"""The machine that is measured on, and whether it has time for it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

BUSY = 0.5
"""Load for each core from which on times say more about the neighbours than about us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Cores, Python and how many processes wanted to run when the measuring began (one-minute average)."""

    cores: int
    python: str
    load: float

    @classmethod
    def now(cls) -> Machine:
        """This machine at this moment."""
        return cls(cores=os.cpu_count() or 1, python=platform.python_version(), load=os.getloadavg()[0])

    @property
    def busy(self) -> bool:
        """Whether others compute here too."""
        return self.load > BUSY * self.cores

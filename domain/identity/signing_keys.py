"""The ring of secrets that tokens are signed with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A secret and the name (`kid`) under which tokens refer to it."""

    kid: str
    secret: bytes = field(repr=False)


KeyRing = Sequence[SigningKey]
"""The first key signs, all verify: putting a new one in front logs nobody out. Never empty.

With several processes a new key is added at the end everywhere first, and moved to the front after that.
"""

"""Password hashes by argon2id, in a few threads of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.errors import Unavailable
from domain.identity.ports import Randomness

T = TypeVar("T")

THREADS = 2
"""Hashing is meant to be slow: more threads would take the processor (and 19 MiB each) from everyone else."""
MAX_WAITING = 64
"""About a second of hashing; who comes after that is asked to come back."""
RETRY_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs; the defaults are OWASP's recommended minimum for argon2id (about 20 ms)."""

    passes: int = 2
    memory_kib: int = 19_456
    lanes: int = 1


class Argon2Passwords:
    """Hashes passwords off the event loop.

    A password without a hash to compare with is compared with a dummy, so that an unknown user takes
    as long as a wrong password.
    """

    def __init__(
        self, *, randomness: Randomness, cost: Cost = Cost(), max_waiting: int = MAX_WAITING
    ) -> None:
        self._hasher = PasswordHasher(
            time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._dummy = self._threads.submit(self._hasher.hash, randomness(32))
        self._max_waiting = max_waiting
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """A salted hash, which says how it was made."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the hash is the password's."""
        return await self._run(lambda: self._verify(password, password_hash))

    async def close(self) -> None:
        """Let the running hashes end, drop those that wait."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def _verify(self, password: str, password_hash: str | None) -> bool:
        try:
            self._hasher.verify(password_hash or self._dummy.result(), password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._max_waiting + THREADS:
            message = "Too many people are signing in just now. Try again in a moment."
            raise Unavailable(message, retry_after_s=RETRY_AFTER_S)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

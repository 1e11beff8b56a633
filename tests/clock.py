"""A clock that stands until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Both of our clocks: UTC when it is called, and seconds that never go back."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)
        self._passed_s = 0.0

    def __call__(self) -> datetime:
        return self.now

    def monotonic_s(self) -> float:
        """Seconds, from a start of no meaning."""
        return 1_000 + self._passed_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        self._passed_s += seconds

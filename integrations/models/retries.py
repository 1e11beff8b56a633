"""How long to wait before a call that has produced nothing yet is tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from domain.models.ports import ModelProblem
from domain.ports import Clock
from integrations.models.settings import OpenAiSettings

Jitter = Callable[[], float]
"""A random number in [0, 1)."""


def pause_s(settings: OpenAiSettings, problem: ModelProblem, *, attempt: int, jitter: Jitter) -> float | None:
    """Seconds until the attempt after this one (from 1); None when there is none.

    What the endpoint asks for is waited, unless it is longer than a caller should wait.
    """
    if attempt >= settings.max_attempts:
        return None
    if (asked_s := problem.retry_after_s) is None:
        return backoff_s(settings, attempt=attempt, jitter=jitter)
    return asked_s if asked_s <= settings.retry_after_cap_s else None


def backoff_s(settings: OpenAiSettings, *, attempt: int, jitter: Jitter) -> float:
    """The wait after failed attempt number `attempt` (from 1): doubled each time, then cut to 50-100 %."""
    full_s = min(settings.backoff_base_s * 2.0 ** (attempt - 1), settings.backoff_cap_s)
    return full_s * (0.5 + 0.5 * jitter())


def retry_after_s(headers: Mapping[str, str], *, clock: Clock) -> float | None:
    """Seconds that Retry-After (or OpenAI's retry-after-ms) asks to wait; None without a usable one.

    Both forms of RFC 9110, 10.2.3 are read: a number of seconds and a date.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    return _seconds_until(value, clock=clock)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _seconds_until(date: str, *, clock: Clock) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - clock()).total_seconds())

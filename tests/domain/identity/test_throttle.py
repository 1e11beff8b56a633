"""Limits on attempts."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from domain.errors import LimitExceeded
from domain.identity.throttle import Throttle, subject_of_email, subject_of_ip
from domain.limits.ports import Quota
from persistence.memory.rate_limiter import MemoryRateLimiter
from tests.clock import FakeClock

QUOTAS = (Quota(2, timedelta(seconds=10)), Quota(3, timedelta(seconds=300)))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def throttle(clock: FakeClock) -> Throttle:
    return Throttle(MemoryRateLimiter(monotonic_s=clock.monotonic_s), kind="test", quotas=QUOTAS)


async def _wait(throttle: Throttle) -> float:
    try:
        await throttle.admit("somebody")
    except LimitExceeded as refused:
        return refused.retry_after_s or math.inf
    return 0


async def test_the_delay_grows_with_the_number_of_attempts(throttle: Throttle, clock: FakeClock) -> None:
    waits: list[float] = []
    for _ in range(5):
        waits.append(await _wait(throttle))
        clock.advance(waits[-1])

    assert waits == [0, 0, pytest.approx(5), 0, pytest.approx(95)]


async def test_a_refused_attempt_does_not_make_the_delay_longer(throttle: Throttle) -> None:
    for _ in range(2):
        await throttle.admit("somebody")

    waits = [await _wait(throttle) for _ in range(20)]

    assert waits == [pytest.approx(5)] * 20


async def test_one_subject_does_not_limit_another(throttle: Throttle) -> None:
    for _ in range(2):
        await throttle.admit("somebody")

    await throttle.admit("somebody else")


@pytest.mark.parametrize(
    ("client_ip", "subject"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("testclient", "unknown"),
    ],
)
def test_an_address_stands_for_its_customer(client_ip: str, subject: str) -> None:
    assert subject_of_ip(client_ip) == subject


def test_a_key_does_not_tell_the_address() -> None:
    assert "ann" not in subject_of_email("ann@example.org")
    assert subject_of_email("ann@example.org") != subject_of_email("bob@example.org")

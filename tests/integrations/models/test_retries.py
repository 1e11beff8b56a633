"""How long to wait between attempts."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.models.retries import backoff_s, retry_after_s
from integrations.models.settings import OpenAiSettings
from tests.integrations.models.calls import NOW, clock

SETTINGS = OpenAiSettings(api_key="x", model="m", backoff_base_s=0.5, backoff_cap_s=8)


@pytest.mark.parametrize(("attempt", "most_s"), [(1, 0.5), (2, 1), (3, 2), (5, 8), (6, 8), (50, 8)])
def test_the_wait_doubles_up_to_its_cap(attempt: int, most_s: float) -> None:
    assert backoff_s(SETTINGS, attempt=attempt, jitter=lambda: 1.0) == most_s


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_chance_takes_at_most_half_of_the_wait(attempt: int, chance: float) -> None:
    full_s = backoff_s(SETTINGS, attempt=attempt, jitter=lambda: 1.0)

    assert full_s / 2 <= backoff_s(SETTINGS, attempt=attempt, jitter=lambda: chance) <= full_s


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90.0),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:05 -0000"}, 5.0),
        ({"retry-after": format_datetime(NOW - timedelta(hours=1), usegmt=True)}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, clock=clock) == seconds


@given(st.text())
def test_no_header_can_break_the_reading(value: str) -> None:
    wait_s = retry_after_s({"retry-after": value, "retry-after-ms": value}, clock=clock)

    assert wait_s is None or 0 <= wait_s < float("inf")

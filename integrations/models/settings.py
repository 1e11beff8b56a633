"""How the OpenAI-compatible endpoint is reached, and how long each part of a call may take."""

from __future__ import annotations

from dataclasses import dataclass, field

OPENAI_BASE_URL = "https://api.openai.com/v1"
"""The one endpoint that wants `max_completion_tokens`; all others understand `max_tokens`."""


@dataclass(frozen=True, slots=True)
class OpenAiSettings:
    """An endpoint, its key and the bounds of a call.

    A call is cut after `total_timeout_s`, counted from its first attempt. `first_token_timeout_s` is
    the wait for the first piece of text or the first tool call (reasoning models are silent for
    long), `chunk_timeout_s` the wait between two chunks after it, `tail_timeout_s` the wait for the
    usage once the answer is complete. Only calls that have produced
    nothing yet are tried again, `max_attempts` times in all: after what Retry-After says when that is
    at most `retry_after_cap_s`, else after `backoff_base_s` doubled each time up to `backoff_cap_s`.
    """

    api_key: str = field(repr=False)
    model: str
    base_url: str = OPENAI_BASE_URL
    connect_timeout_s: float = 10.0
    first_token_timeout_s: float = 120.0
    chunk_timeout_s: float = 60.0
    tail_timeout_s: float = 5.0
    total_timeout_s: float = 540.0
    max_attempts: int = 3
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 8.0
    retry_after_cap_s: float = 30.0

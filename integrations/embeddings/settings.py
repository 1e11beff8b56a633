"""Which vectors the configured endpoint is asked for, and the bounds of asking."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.models.settings import OpenAiSettings


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """An endpoint whose `model` makes vectors of `dimension` numbers.

    Attempts, backing off and the total time of a call are the endpoint's. `attempt_timeout_s` is the wait
    for one response, `batch_texts` the texts of one request, `max_requests` how many are open at once,
    `cached_vectors` how many vectors are kept (four bytes a number).
    """

    endpoint: OpenAiSettings
    dimension: int = 1536
    batch_texts: int = 64
    max_requests: int = 4
    cached_vectors: int = 4_096
    attempt_timeout_s: float = 30.0

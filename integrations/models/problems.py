"""The one place where a provider's errors become ours; imported only once a key is in use."""

from __future__ import annotations

import openai
from langchain_core.exceptions import ContextOverflowError

from domain.models.ports import ModelProblem, ModelProblemKind
from domain.ports import Clock
from integrations.models.retries import retry_after_s

_TOO_LONG_CODES = frozenset({"context_length_exceeded", "string_above_max_length"})
_NO_CREDIT_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_RATE_CODES = frozenset({"rate_limit_exceeded", "rate_limit_error", "too_many_requests", "429"})
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError)
"""What parsing something that is not an answer raises."""


def problem_of(
    error: Exception, *, model: str, answered: bool, received: bool, clock: Clock
) -> ModelProblem | None:
    """What `error` means to the person who asked `model`; None for an error that is a bug of ours.

    `answered` says that the provider had begun to respond: only then can what it sent be garbage.
    `received` says that a part of the answer had come: a lost connection is then a cut answer, not an
    unreachable provider.
    """
    if isinstance(error, ModelProblem):
        return error
    if isinstance(error, TimeoutError):
        return _timed_out()
    if isinstance(error, ContextOverflowError):
        return _too_long(model)
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, model=model, clock=clock)
    if isinstance(error, openai.APIConnectionError):
        return cut_off() if received else _unavailable("The model's provider can't be reached.")
    if isinstance(error, openai.APIError):
        return _of_code(error, model=model) or _unavailable("The model's provider reported a failure.")
    if isinstance(error, UnicodeEncodeError):
        return _unsendable()
    return garbage() if answered and isinstance(error, _MALFORMED) else None


def cut_off() -> ModelProblem:
    """The stream ended in mid-answer."""
    return ModelProblem(
        ModelProblemKind.CUT_OFF,
        "The connection to the model was lost before the answer was complete. Try again.",
        retryable=True,
    )


def garbage() -> ModelProblem:
    """What came was not an answer."""
    return ModelProblem(
        ModelProblemKind.GARBAGE,
        "The model's provider sent something that is not an answer. "
        "Check that the base URL leads to an OpenAI-compatible endpoint.",
        retryable=True,
    )


def _timed_out() -> ModelProblem:
    return ModelProblem(
        ModelProblemKind.TIMED_OUT, "The model did not answer in time. Try again.", retryable=True
    )


def _unavailable(message: str, *, retry_after_s: float | None = None) -> ModelProblem:
    return ModelProblem(
        ModelProblemKind.UNAVAILABLE, f"{message} Try again.", retryable=True, retry_after_s=retry_after_s
    )


def _of_status(error: openai.APIStatusError, *, model: str, clock: Clock) -> ModelProblem:
    """By the error's code where it has a known one, else by the HTTP status."""
    if problem := _of_code(error, model=model):
        if problem.kind is ModelProblemKind.RATE_LIMITED:
            problem.retry_after_s = retry_after_s(error.response.headers, clock=clock)
        return problem
    status = error.status_code
    if status == 429:
        return _rate_limited(retry_after_s(error.response.headers, clock=clock))
    if status >= 500 or status in {408, 409, 425}:
        wait_s = retry_after_s(error.response.headers, clock=clock)
        return _unavailable("The model's provider has a failure just now.", retry_after_s=wait_s)
    return _of_client_status(status, model=model)


def _of_client_status(status: int, *, model: str) -> ModelProblem:
    if status in {401, 403}:
        return ModelProblem(
            ModelProblemKind.REFUSED,
            f"The provider refused the key for the model {model}. Check OPENAI_API_KEY and OPENAI_BASE_URL.",
        )
    if status == 402:
        return _no_credit()
    if status == 404:
        return _unknown_model(model)
    if status == 413:
        return _too_long(model)
    if status < 400:
        return ModelProblem(
            ModelProblemKind.BAD_REQUEST, "The model's endpoint redirects elsewhere. Correct OPENAI_BASE_URL."
        )
    return ModelProblem(
        ModelProblemKind.BAD_REQUEST,
        f"The model {model} does not accept this request. Check the agent's temperature, token limit and tools.",
    )


def _of_code(error: openai.APIError, *, model: str) -> ModelProblem | None:
    """By the code or type in the error's body: gateways differ in status, seldom in code."""
    codes = {error.code, error.type}
    if codes & _TOO_LONG_CODES:
        return _too_long(model)
    if codes & _NO_CREDIT_CODES:
        return _no_credit()
    if codes & _RATE_CODES:
        return _rate_limited(None)
    if "model_not_found" in codes:
        return _unknown_model(model)
    return None


def _unsendable() -> ModelProblem:
    return ModelProblem(
        ModelProblemKind.BAD_REQUEST, "The conversation holds characters that are no valid text."
    )


def _rate_limited(wait_s: float | None) -> ModelProblem:
    return ModelProblem(
        ModelProblemKind.RATE_LIMITED,
        "The model's provider limits how often it may be asked, and the limit is reached. Try again later.",
        retryable=True,
        retry_after_s=wait_s,
    )


def _no_credit() -> ModelProblem:
    return ModelProblem(
        ModelProblemKind.REFUSED,
        "The provider refused the call: the account of this deployment's key has no credit left.",
    )


def _unknown_model(model: str) -> ModelProblem:
    return ModelProblem(
        ModelProblemKind.UNKNOWN_MODEL,
        f"The provider has no model named {model}, or OPENAI_BASE_URL leads to the wrong place.",
    )


def _too_long(model: str) -> ModelProblem:
    return ModelProblem(
        ModelProblemKind.TOO_LONG,
        f"The conversation is too long for the model {model}. Start a shorter branch.",
    )

"""Values that travel to and from models."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import CodeLabError
from domain.models.entities import (
    CHARACTERS_PER_TOKEN,
    ChatMessage,
    ChatRole,
    ModelRef,
    ModelUsage,
    estimated_tokens,
)
from domain.models.ports import ModelProblem, ModelProblemKind


def test_a_message_can_not_be_changed() -> None:
    message = ChatMessage(ChatRole.USER, "hello")

    with pytest.raises(dataclasses.FrozenInstanceError):
        message.content = "other"  # type: ignore[misc]


def test_two_references_to_the_same_model_are_equal() -> None:
    assert ModelRef("openai", "gpt-4.1") == ModelRef("openai", "gpt-4.1")
    assert len({ModelRef("openai", "gpt-4.1"), ModelRef("openai", "gpt-4.1")}) == 1


def test_usage_is_taken_as_counted_unless_it_says_otherwise() -> None:
    assert not ModelUsage(1, 2).estimated


@given(st.text(), st.text())
def test_estimated_tokens_grow_with_the_text_and_are_rounded_up(some: str, more: str) -> None:
    assert estimated_tokens(some) <= estimated_tokens(some + more)
    assert 0 <= estimated_tokens(some) * CHARACTERS_PER_TOKEN - len(some) < CHARACTERS_PER_TOKEN


def test_a_problem_is_an_expected_outcome_with_a_message_for_people() -> None:
    problem = ModelProblem(ModelProblemKind.RATE_LIMITED, "Later.", retryable=True, retry_after_s=2.5)

    assert isinstance(problem, CodeLabError)
    assert (problem.message, str(problem)) == ("Later.", "Later.")
    assert (problem.kind, problem.retryable, problem.retry_after_s) == ("RATE_LIMITED", True, 2.5)


def test_a_problem_is_final_unless_it_says_otherwise() -> None:
    problem = ModelProblem(ModelProblemKind.REFUSED, "No key.")

    assert (problem.retryable, problem.retry_after_s) == (False, None)

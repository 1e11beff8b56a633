"""Which rule answers: the first that has something to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from domain.models.entities import ModelRequest
from integrations.models.offline import planning, recall, small_talk, sums, text_work, tool_protocol
from integrations.models.offline.conversation import Conversation, Reply

Rule = Callable[[Conversation], Reply | None]

RULES: Final[tuple[Rule, ...]] = (
    planning.plan,
    tool_protocol.call_tools,
    tool_protocol.answer_with_results,
    small_talk.repeat_words,
    *text_work.RULES,
    sums.compute,
    *recall.RULES,
    small_talk.admit_no_translation,
    small_talk.introduce,
    small_talk.greet,
    small_talk.accept_thanks,
)


def reply(request: ModelRequest) -> Reply:
    """The answer to `request`: the same for the same request, always."""
    conversation = Conversation.of(request)
    for rule in RULES:
        if answer := rule(conversation):
            return answer
    return small_talk.admit(conversation)

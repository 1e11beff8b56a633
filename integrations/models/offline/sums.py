"""The rule that answers arithmetic."""

from __future__ import annotations

from integrations.models.offline.arithmetic import DividedByZero, NotArithmetic, TooLarge, evaluate, shown
from integrations.models.offline.conversation import Conversation, Reply
from integrations.models.offline.spoken import expressions_in


def compute(conversation: Conversation) -> Reply | None:
    """Work out every expression that the question asks for, one line each."""
    found = expressions_in(conversation.plain, language=conversation.language)
    lines = [line for expression in found if (line := _line(expression, conversation))]
    return Reply("\n".join(lines)) if lines else None


def _line(expression: str, conversation: Conversation) -> str | None:
    """`expression = value`, or why there is none; None when it is no expression after all."""
    written = " ".join(expression.split())
    try:
        value = shown(evaluate(expression))
    except NotArithmetic:
        return None
    except DividedByZero:
        return conversation.say(
            en=f"{written} has no value: it divides by zero.",
            ru=f"{written} не имеет значения: деление на ноль.",
        )
    except TooLarge:
        return conversation.say(
            en=f"{written} is too large for me to work out.",
            ru=f"{written} — слишком большое вычисление для меня.",
        )
    return f"{written} {value}" if value.startswith("≈") else f"{written} = {value}"

"""The rules that ask for tools when told to, and answer with what the tools gave."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from domain.models.entities import ChatMessage, ChatRole, ToolRequest
from integrations.models.offline.conversation import Conversation, Reply

MAX_CALLS = 32
_CALL = re.compile(
    r"\b(?:use|call|run|используй|вызови|запусти)\s+(?:the\s+)?(?:tool\s+|инструмент\s+)?"
    r"`?(?P<name>[\w.-]+)`?\s{0,9}(?::|with|со?(?:\s+аргументами)?)\s{0,9}(?:arguments?\s{0,9}:?\s{0,9})?(?=\{)",
    re.IGNORECASE,
)
_THEN = re.compile(r"\b(?:then|затем|потом)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A call that the user asked for; `round` counts the "then" before it."""

    name: str
    arguments: str | None
    round: int


def call_tools(conversation: Conversation) -> Reply | None:
    """Ask for the tools of the round that is due; None when no tool is named or all rounds are done."""
    if not conversation.tools or not (wishes := _wishes(conversation.question)):
        return None
    done = sum(bool(turn.tool_calls) for turn in conversation.since)
    due = [wish for wish in wishes if wish.round == done]
    if not due:
        return None
    offered = {tool.name for tool in conversation.tools}
    for wish in due:
        if wish.name not in offered:
            return Reply(_not_offered(conversation, wish.name))
        if wish.arguments is None:
            return Reply(_not_json(conversation, wish.name))
    return Reply(tool_calls=_requests(conversation, due))


def answer_with_results(conversation: Conversation) -> Reply | None:
    """Say what the tools gave since the question, the result of a single one as it is."""
    results = [turn for turn in conversation.since if turn.role is ChatRole.TOOL]
    if not results:
        return None
    if len(results) == 1:
        return Reply(results[0].content or _empty(conversation))
    names = {call.id: call.name for turn in conversation.since for call in turn.tool_calls}
    return Reply("\n".join(_result_line(conversation, turn, names) for turn in results))


def _wishes(question: str) -> list[_Wish]:
    """The calls in `question`, each with its arguments as JSON text, None where they are no JSON object."""
    wishes: list[_Wish] = []
    position = round_number = 0
    while len(wishes) < MAX_CALLS and (found := _CALL.search(question, position)):
        if wishes and _THEN.search(question, position, found.start()):
            round_number += 1
        arguments, position = _object_at(question, found.end())
        wishes.append(_Wish(found["name"], arguments, round_number))
    return wishes


def _object_at(text: str, start: int) -> tuple[str | None, int]:
    """The JSON object at `start`, as it is written, and where it ends."""
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start
    return text[start:end], end


def _requests(conversation: Conversation, wishes: list[_Wish]) -> tuple[ToolRequest, ...]:
    """The wishes as requests, numbered on from those of the whole conversation so that ids stay unique."""
    turns = [*conversation.history, *conversation.since]
    before = sum(len(turn.tool_calls) for turn in turns)
    return tuple(
        ToolRequest(id=f"call_{number}", name=wish.name, arguments=wish.arguments or "{}")
        for number, wish in enumerate(wishes, start=before + 1)
    )


def _result_line(conversation: Conversation, turn: ChatMessage, names: dict[str, str]) -> str:
    name = names.get(turn.tool_call_id or "", turn.name or "tool")
    return f"{name}: {turn.content or _empty(conversation)}"


def _empty(conversation: Conversation) -> str:
    return conversation.say(en="The tool gave an empty result.", ru="Инструмент ничего не вернул.")


def _not_offered(conversation: Conversation, name: str) -> str:
    names = ", ".join(tool.name for tool in conversation.tools)
    return conversation.say(
        en=f"I have no tool named {name}. I have: {names}.",
        ru=f"У меня нет инструмента {name}. Есть: {names}.",
    )


def _not_json(conversation: Conversation, name: str) -> str:
    return conversation.say(
        en=f"The arguments for {name} are not a JSON object.", ru=f"Аргументы для {name} — не JSON-объект."
    )

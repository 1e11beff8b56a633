"""A request as the rules read it: the question, its language, what came before it and after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from domain.models.entities import ChatMessage, ChatRole, ModelRequest, ToolOffer, ToolRequest
from integrations.models.offline.remembered import told_in_memories, without_memories


class Language(StrEnum):
    """The languages that the offline model speaks."""

    ENGLISH = "en"
    RUSSIAN = "ru"


OPENING = 400
"""Characters in which an instruction must end: rules never search a whole pasted document."""

_ADDRESS = re.compile(r"^\s*@[\w-]+[,:]?\s+")
_POLITENESS = re.compile(
    r"^(?:(?:please|hey|hi|hello|ok|okay|so|now|can you|could you|would you|will you|i want you to"
    r"|пожалуйста|привет|а|ну|теперь|можешь|можешь ли ты|не могли? бы (?:ты|вы))\b[\s,!]*)+",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```\w*\n?(.*?)```", re.DOTALL)
_QUOTED = re.compile(r"\"([^\"]+)\"|«([^«»]+)»|“([^“”]+)”|(?<!\w)'([^'\n]+)'(?!\w)", re.DOTALL)
_ROLE = re.compile(
    r"\b(?:you are|ты|вы)(?:\s+an?|\s+the|\s*[—–-])?\s+(?P<role>[^\s.,:;\n—–][^.,:;\n—–]{0,59})",
    re.IGNORECASE,
)
_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says: text, or tools it asks for."""

    text: str = ""
    tool_calls: tuple[ToolRequest, ...] = ()


@dataclass(frozen=True)
class Conversation:
    """The last question with its surroundings."""

    system: str
    """The system prompt without memories."""
    memories: tuple[str, ...]
    """What the user said in earlier conversations, what fits best first."""
    history: tuple[ChatMessage, ...]
    """The turns before the last question."""
    said: str
    """The last thing the user said."""
    since: tuple[ChatMessage, ...]
    """What followed the question: earlier tool calls and their results."""
    tools: tuple[ToolOffer, ...]

    @classmethod
    def of(cls, request: ModelRequest) -> Conversation:
        """Take a request apart; without any user message the question is empty."""
        turns = [message for message in request.messages if message.role is not ChatRole.SYSTEM]
        asked = [index for index, turn in enumerate(turns) if turn.role is ChatRole.USER]
        last = asked[-1] if asked else -1
        prompts = [message.content for message in request.messages if message.role is ChatRole.SYSTEM]
        return cls(
            system="\n".join(map(without_memories, prompts)),
            memories=tuple(told for prompt in prompts for told in told_in_memories(prompt)),
            history=tuple(turns[: max(last, 0)]),
            said=turns[last].content.strip() if asked else "",
            since=tuple(turns[last + 1 :]),
            tools=request.tools,
        )

    @cached_property
    def question(self) -> str:
        """What was said, without a leading @handle."""
        return _ADDRESS.sub("", self.said, count=1)

    @cached_property
    def language(self) -> Language:
        """Russian when at least half of the question's letters are Cyrillic."""
        cyrillic = len(_CYRILLIC.findall(self.question))
        latin = len(_LATIN.findall(self.question))
        return Language.RUSSIAN if cyrillic and cyrillic >= latin else Language.ENGLISH

    def say(self, *, en: str, ru: str) -> str:
        """The phrase in the question's language."""
        return ru if self.language is Language.RUSSIAN else en

    @cached_property
    def plain(self) -> str:
        """The question without politeness in front."""
        return _POLITENESS.sub("", self.question, count=1)

    @property
    def opening(self) -> str:
        """The beginning of the question without politeness: where a person says what they want."""
        return self.plain[:OPENING]

    @cached_property
    def _split(self) -> tuple[str, str]:
        return _instruction_and_text(self.plain)

    @property
    def instruction(self) -> str:
        """What to do, in lower case, without the text to do it on."""
        return self._split[0][:OPENING]

    @property
    def text(self) -> str:
        """The text that the question gives after a colon, on further lines or in quotes; else empty."""
        return self._split[1]

    @property
    def role(self) -> str:
        """Who the system prompt says the model is, or empty."""
        found = _ROLE.search(self.system)
        return found["role"].strip() if found else ""

    def said_by(self, role: ChatRole) -> list[str]:
        """What `role` said before the question, oldest first, empty turns left out."""
        return [turn.content for turn in self.history if turn.role is role and turn.content.strip()]


def _instruction_and_text(question: str) -> tuple[str, str]:
    """Split at a code fence, a quotation, a line break or a colon, whichever is the clearest sign."""
    if found := _FENCE.search(question):
        return _without(question, found), found[1].strip("\n")
    first_line, _, further = question.partition("\n")
    if further.strip() and (not (colon := first_line.partition(":"))[2].strip() or not colon[1]):
        return first_line.rstrip(": ").lower(), further.strip()
    before, colon_sign, after = question.partition(":")
    if colon_sign and after.strip() and "\n" not in before and not after.startswith("//"):
        return before.strip().lower(), _unquoted(after.strip())
    if found := _QUOTED.search(question):
        return _without(question, found), next(group for group in found.groups() if group)
    return question.lower(), ""


def _without(question: str, found: re.Match[str]) -> str:
    kept = f"{question[: found.start()]} {question[found.end() :]}"
    return " ".join(kept.replace(":", " ").split()).lower()


def _unquoted(text: str) -> str:
    found = _QUOTED.fullmatch(text)
    return next(group for group in found.groups() if group) if found else text

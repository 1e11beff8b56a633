"""The rules about the conversation itself: what was told, asked and answered earlier in it."""

from __future__ import annotations

import re

from domain.models.entities import ChatRole
from integrations.models.offline.conversation import Conversation, Reply

MAX_LISTED = 10
MAX_STATEMENT_WORDS = 12
MAX_SEARCHED = 2_000
"""Characters of an earlier message in which facts are looked for."""
_ANY_CASE = re.IGNORECASE

_VALUE = r"(?P<value>[^\s.!?\n][^.!?\n]{0,119})"
_FACTS = (
    re.compile(rf"\bmy\s+(?P<what>[\w'’][\w'’ -]{{0,39}}?)\s+(?:is|are)\s+{_VALUE}", _ANY_CASE),
    re.compile(rf"\b(?:мой|моя|мо[её]|мои)\s+(?P<what>[\w ]{{1,40}}?)\s*[—–:-]\s*{_VALUE}", _ANY_CASE),
)
_NAMES = (
    re.compile(r"\b(?:my name is|call me|меня зовут)\s+(?P<value>[^\W\d_][\w'’-]*)", _ANY_CASE),
    re.compile(r"\bмо[её] имя\s*[—–:-]?\s+(?P<value>[^\W\d_][\w'’-]*)", _ANY_CASE),
)
_ASKS_NAME = re.compile(
    r"(?:what(?:'s| is)|do you (?:know|remember)|say|tell me) my name\b|как меня зовут|как(?:ое|ово) мо[её] имя",
    _ANY_CASE,
)
_ASKS_FACT = (
    re.compile(
        r"(?:what|who|which|where|when)(?:'s|\s+is|\s+are)\s+my\s+(?P<what>[\w'’ -]{1,40}?)\s*\?*", _ANY_CASE
    ),
    re.compile(r"как(?:ой|ая|ое|ие)\s+(?:мой|моя|мо[её]|мои)\s+(?P<what>[\w -]{1,40}?)\s*\?*", _ANY_CASE),
)
_ASKS_FIRST = re.compile(
    r"\bmy first (?:question|message)|what (?:did i|was the) \w+ (?:you )?first|первы\w+ (?:вопрос|сообщени)"
    r"|что я \w+ (?:сначала|вначале)",
    _ANY_CASE,
)
_ASKS_LAST = re.compile(
    r"\bmy (?:last|previous) (?:question|message)|мо\w+ (?:последн|предыдущ|прошл)\w+ (?:вопрос|сообщени)",
    _ANY_CASE,
)
_ASKS_QUESTIONS = re.compile(
    r"\bwhat (?:did|have) i (?:just )?(?:ask|say|said|tell|told|writ)|\bmy (?:earlier|previous) (?:questions|messages)"
    r"|(?:что|о ч[её]м) я (?:\w+ ){0,2}(?:спросил|спрашивал|говорил|сказал|писал)",
    _ANY_CASE,
)
_ASKS_ANSWER = re.compile(
    r"\bwhat (?:did|have) you (?:just )?(?:say|said|answer|repl|tell|told)|\byour (?:last|previous) (?:answer|reply)"
    r"|что ты (?:\w+ ){0,2}(?:сказал|ответил|говорил)|тво\w+ (?:последн|предыдущ|прошл)\w+ ответ",
    _ANY_CASE,
)


def recall_name(conversation: Conversation) -> Reply | None:
    """The user's name, as the user last gave it."""
    if not _ASKS_NAME.search(conversation.opening):
        return None
    for told in _told(conversation):
        if name := _name_in(told):
            return Reply(conversation.say(en=f"Your name is {name}.", ru=f"Тебя зовут {name}."))
    return Reply(
        conversation.say(
            en="You have not told me your name in this conversation.",
            ru="В этом разговоре ты не называл своего имени.",
        )
    )


def recall_fact(conversation: Conversation) -> Reply | None:
    """Anything the user stated as "my ... is ..."; None when it was not stated."""
    wanted = _first_match(_ASKS_FACT, conversation.opening, whole=True)
    if wanted is None:
        return None
    what = wanted["what"].casefold()
    for told in _told(conversation):
        for pattern in _FACTS:
            for fact in pattern.finditer(told):
                if fact["what"].casefold() == what:
                    return Reply(_stated(conversation, fact))
    return Reply(
        conversation.say(
            en=f"You have not told me your {wanted['what']} in this conversation.",
            ru=f"В этом разговоре ты об этом не говорил: {wanted['what']}.",
        )
    )


def recall_first_question(conversation: Conversation) -> Reply | None:
    """The first thing the user said."""
    if not _ASKS_FIRST.search(conversation.opening):
        return None
    asked = conversation.said_by(ChatRole.USER)
    return _quoted_question(conversation, asked[0]) if asked else _nothing_before(conversation)


def recall_last_question(conversation: Conversation) -> Reply | None:
    """The thing the user said before this."""
    if not _ASKS_LAST.search(conversation.opening):
        return None
    asked = conversation.said_by(ChatRole.USER)
    return _quoted_question(conversation, asked[-1]) if asked else _nothing_before(conversation)


def recall_questions(conversation: Conversation) -> Reply | None:
    """All that the user said before, the latest ten of it."""
    if not _ASKS_QUESTIONS.search(conversation.opening):
        return None
    asked = conversation.said_by(ChatRole.USER)[-MAX_LISTED:]
    if not asked:
        return _nothing_before(conversation)
    if len(asked) == 1:
        return _quoted_question(conversation, asked[0])
    lines = [f"{number}. {text}" for number, text in enumerate(asked, start=1)]
    return Reply(
        "\n".join([conversation.say(en="Before this you asked:", ru="До этого ты спрашивал:"), *lines])
    )


def recall_answer(conversation: Conversation) -> Reply | None:
    """The answer given last."""
    if not _ASKS_ANSWER.search(conversation.opening):
        return None
    answers = conversation.said_by(ChatRole.ASSISTANT)
    if not answers:
        return _nothing_before(conversation)
    return Reply(
        conversation.say(en=f"My last answer was: {answers[-1]}", ru=f"Мой последний ответ: {answers[-1]}")
    )


def note_fact(conversation: Conversation) -> Reply | None:
    """Confirm a name or fact that the user states, when the message is little more than that."""
    if "?" in conversation.question or len(conversation.question.split()) > MAX_STATEMENT_WORDS:
        return None
    if name := _name_in(conversation.opening):
        return Reply(
            conversation.say(
                en=f"Nice to meet you, {name}. I can recall your name in this conversation.",
                ru=f"Приятно познакомиться, {name}. В этом разговоре я смогу вспомнить твоё имя.",
            )
        )
    fact = _first_match(_FACTS, conversation.opening)
    if fact is None:
        return None
    return Reply(conversation.say(en="Noted. ", ru="Записал. ") + _stated(conversation, fact))


def _first_match(
    patterns: tuple[re.Pattern[str], ...], text: str, *, whole: bool = False
) -> re.Match[str] | None:
    found = (pattern.fullmatch(text) if whole else pattern.search(text) for pattern in patterns)
    return next((match for match in found if match), None)


def _told(conversation: Conversation) -> list[str]:
    """What the user said, the latest first, each as far as it is worth searching."""
    return [told[:MAX_SEARCHED] for told in reversed(conversation.said_by(ChatRole.USER))]


def _name_in(text: str) -> str | None:
    found = _first_match(_NAMES, text)
    return found["value"] if found else None


def _stated(conversation: Conversation, fact: re.Match[str]) -> str:
    what, value = fact["what"], fact["value"].rstrip(" ,;")
    return conversation.say(en=f"Your {what} is {value}.", ru=f"Ты говорил: {what} — {value}.")


def _quoted_question(conversation: Conversation, question: str) -> Reply:
    return Reply(conversation.say(en=f"You asked: {question}", ru=f"Ты спрашивал: {question}"))


def _nothing_before(conversation: Conversation) -> Reply:
    return Reply(
        conversation.say(
            en="There was nothing before this in our conversation.", ru="До этого в разговоре ничего не было."
        )
    )


RULES = (
    recall_name,
    recall_first_question,
    recall_last_question,
    recall_questions,
    recall_answer,
    recall_fact,
    note_fact,
)

"""The rules about what was told before: in this conversation, and in memories of earlier ones."""

from __future__ import annotations

import re

from domain.models.entities import ChatRole
from domain.orchestrator.words import is_meaningful, stem, words
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
    re.compile(
        r"как(?:ой|ая|ое|ие)\s+(?:у\s+меня|мой|моя|мо[её]|мои)\s+(?P<what>[\w -]{1,40}?)\s*\?*", _ANY_CASE
    ),
)
_ASKS = re.compile(
    r"(?:what|who|whose|which|when|where|how|do|did|кто|что|чей|когда|где|куда|откуда|как\w*|сколько|помнишь)\b",
    _ANY_CASE,
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
    for told in conversation.memories:
        if name := _name_in(told):
            return _told_earlier(conversation, en=f"your name is {name}.", ru=f"тебя зовут {name}.")
    return Reply(
        conversation.say(
            en="You have not told me your name in this conversation.",
            ru="В этом разговоре ты не называл своего имени.",
        )
    )


def recall_fact(conversation: Conversation) -> Reply | None:
    """Anything the user stated as "my ... is ...", here or earlier."""
    wanted = _first_match(_ASKS_FACT, conversation.opening, whole=True)
    if wanted is None:
        return None
    for told in _told(conversation):
        if fact := _fact_in(told, about=wanted["what"]):
            return Reply(_stated(conversation, fact))
    for told in conversation.memories:
        if fact := _fact_in(told, about=wanted["what"]):
            what, value = _what_and_value(fact)
            return _told_earlier(conversation, en=f"your {what} is {value}.", ru=f"{what} — {value}.")
    return recall_memory(conversation) or Reply(
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


def recall_memory(conversation: Conversation) -> Reply | None:
    """The statement of an earlier conversation that has all words of the question, quoted."""
    if not _ASKS.match(conversation.opening):
        return None
    wanted = _stems(conversation.opening)
    for told in conversation.memories:
        if wanted and "?" not in told and wanted <= _stems(told):
            return _told_earlier(conversation, en=f"“{told}”", ru=f"«{told}»")
    return None


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


def _fact_in(text: str, *, about: str) -> re.Match[str] | None:
    facts = (fact for pattern in _FACTS for fact in pattern.finditer(text))
    return next((fact for fact in facts if _spelt(fact["what"]) == _spelt(about)), None)


def _spelt(what: str) -> str:
    """In one spelling of the several there are."""
    return what.casefold().replace("ё", "е").replace("color", "colour").replace("favorite", "favourite")


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words(text) if is_meaningful(word))


def _what_and_value(fact: re.Match[str]) -> tuple[str, str]:
    return fact["what"], fact["value"].rstrip(" ,;")


def _stated(conversation: Conversation, fact: re.Match[str]) -> str:
    what, value = _what_and_value(fact)
    return conversation.say(en=f"Your {what} is {value}.", ru=f"Ты говорил: {what} — {value}.")


def _told_earlier(conversation: Conversation, *, en: str, ru: str) -> Reply:
    return Reply(conversation.say(en=f"You told me earlier: {en}", ru=f"Ты говорил мне раньше: {ru}"))


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
    recall_memory,
    note_fact,
)

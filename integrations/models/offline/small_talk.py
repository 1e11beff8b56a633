"""The rules for everything that is said besides tasks, and the honest last word."""

from __future__ import annotations

import re

from integrations.models.offline.conversation import Conversation, Reply

MAX_REPEATED_WORDS = 100_000
MAX_TOPICS = 3
_ANY_CASE = re.IGNORECASE
_REPEAT_WORDS = re.compile(r"\b(?:repeat|повтори)\s+(?P<count>\d{1,9})\s+(?:words?|слов\w*)\b", _ANY_CASE)
_GREETING = re.compile(
    r"\s*(?:hi|hello|hey|good (?:morning|day|afternoon|evening)|привет|здравствуй(?:те)?|добр\w+ (?:день|утро|вечер))"
    r"\b[^\n]{0,30}",
    _ANY_CASE,
)
_THANKS = re.compile(r"\s*(?:thanks?(?: you)?|thx|спасибо|благодарю)\b[^\n]{0,40}", _ANY_CASE)
_WHO = re.compile(
    r"\b(?:who|what) are you\b|\bwhat can you do\b|\b(?:which|what) model\b|^help[?!.]*$|кто ты|что ты (?:умеешь|можешь)"
    r"|как(?:ая|ую) (?:ты )?модел|^помощь[?!.]*$",
    _ANY_CASE,
)
_TRANSLATE = re.compile(
    r"^(?:translate|переведи)\b|\b(?:translate|перевести|переведи)\b.{0,80}\b(?:to|into|на)\b|\bhow do you say\b",
    _ANY_CASE,
)
_TOPIC = re.compile(r"[^\W\d_][\w-]{4,}")
_COMMON = frozenset(
    [
        "about",
        "after",
        "again",
        "which",
        "would",
        "could",
        "should",
        "there",
        "their",
        "these",
        "those",
        "where",
        "while",
        "please",
        "write",
        "explain",
        "почему",
        "который",
        "можешь",
        "нужно",
        "сделай",
        "расскажи",
        "объясни",
        "напиши",
        "какой",
        "какая",
        "какие",
        "чтобы",
        "через",
        "пожалуйста",
    ]
)


def repeat_words(conversation: Conversation) -> Reply | None:
    """`repeat N words`: N numbered words, for streams of a known length."""
    found = _REPEAT_WORDS.search(conversation.opening)
    if found is None:
        return None
    count = min(int(found["count"]), MAX_REPEATED_WORDS)
    return Reply(" ".join(f"word{number}" for number in range(1, count + 1)))


def admit_no_translation(conversation: Conversation) -> Reply | None:
    """Say that translating is beyond it."""
    if not _TRANSLATE.search(conversation.opening):
        return None
    return Reply(
        conversation.say(
            en=f"I am the offline model and can't translate. {_how_to_connect(conversation)}",
            ru=f"Я офлайн-модель и не умею переводить. {_how_to_connect(conversation)}",
        )
    )


def introduce(conversation: Conversation) -> Reply | None:
    """Say who answers and what it can do."""
    if not _WHO.search(conversation.opening):
        return None
    return Reply(f"{_introduction(conversation)} {_abilities(conversation)} {_how_to_connect(conversation)}")


def greet(conversation: Conversation) -> Reply | None:
    """Return a greeting that stands alone."""
    if not _GREETING.fullmatch(conversation.question):
        return None
    return Reply(
        conversation.say(
            en=f"Hello! {_introduction(conversation)} {_abilities(conversation)}",
            ru=f"Здравствуйте! {_introduction(conversation)} {_abilities(conversation)}",
        )
    )


def accept_thanks(conversation: Conversation) -> Reply | None:
    """Return thanks that stand alone."""
    if not _THANKS.fullmatch(conversation.question):
        return None
    return Reply(conversation.say(en="You are welcome.", ru="Пожалуйста."))


def admit(conversation: Conversation) -> Reply:
    """The last word: who answers, what was understood, what it can do, how to get a real answer."""
    return Reply(
        "\n\n".join(
            [
                f"{_introduction(conversation)} {_understood(conversation)}",
                _abilities(conversation),
                _how_to_connect(conversation),
            ]
        )
    )


def _introduction(conversation: Conversation) -> str:
    role = conversation.role
    return conversation.say(
        en=f"I am CodeLab's offline model{f', answering as {role}' if role else ''}.",
        ru=f"Я офлайн-модель CodeLab{f' и отвечаю за {role}' if role else ''}.",
    )


def _understood(conversation: Conversation) -> str:
    """The size and the topics of the question: what rules can know of it."""
    words = len(conversation.question.split())
    topics = ", ".join(_topics(conversation.opening))
    if not words:
        return conversation.say(en="There was no question.", ru="Вопроса не было.")
    if not topics:
        return conversation.say(
            en="I have no rule for this question.", ru="Для этого вопроса у меня нет правила."
        )
    return conversation.say(
        en=f"I understood a request of {words} words about {topics}, and have no rule that answers it.",
        ru=f"Я вижу запрос из {words} слов (темы: {topics}), но правила для ответа у меня нет.",
    )


def _topics(question: str) -> list[str]:
    words = (word.lower() for word in _TOPIC.findall(question))
    return list(dict.fromkeys(word for word in words if word not in _COMMON))[:MAX_TOPICS]


def _abilities(conversation: Conversation) -> str:
    return conversation.say(
        en="I work by fixed rules: arithmetic, changing, counting, sorting or summarising a text you give, "
        "recalling this conversation, and using tools when told to.",
        ru="Я работаю по правилам: арифметика, изменение, подсчёт, сортировка и сокращение данного текста, "
        "память об этом разговоре и вызов инструментов по просьбе.",
    )


def _how_to_connect(conversation: Conversation) -> str:
    return conversation.say(
        en="To connect a real model, set OPENAI_API_KEY (and OPENAI_BASE_URL and OPENAI_MODEL for another "
        "provider) and restart the server.",
        ru="Чтобы подключить настоящую модель, задайте OPENAI_API_KEY (и OPENAI_BASE_URL с OPENAI_MODEL для "
        "другого провайдера) и перезапустите сервер.",
    )

"""The rules that do something to a given text: change its case, count it, sort it, shorten it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from domain.models.entities import ChatRole
from integrations.models.offline import text_changes as change
from integrations.models.offline.conversation import Conversation, Reply
from integrations.models.offline.summary import sentences_of

_LEAD = (
    r"(?:(?:make|convert|turn|put|write|rewrite|change|transform|give me|show me|return|do|create"
    r"|сделай|преобразуй|переведи|напиши|перепиши|преврати|запиши|дай|покажи|составь)\s+)?"
)
_POINTING = (
    r"(?:it|that|this|these|them|the|my|your|of|in|to|for|into|from|after|me|with|all|a|an|is|are|there|here|texts?"
    r"|alphabetical(?:ly)?|order"
    r"|strings?|phrases?|answers?|replies|reply|messages?|following|sentences?|paragraphs?|words?|lines?|letters?"
    r"|items?|articles?|documents?|notes?|above|last|previous|out|only|please|это|эт\w{1,3}|его|её|их|в|во|из|на|для"
    r"|за|по|мной|со?|вс[её]|текст\w*|ответ\w*|сообщени\w+|следующ\w+|предложени\w+|последн\w+|предыдущ\w+|строк\w*"
    r"|слов\w*|алфавит\w*|пожалуйста)"
)
_POINTINGS = rf"(?:{_POINTING}\b[\s,.!?]*)*"


def _always(rest: str) -> bool:
    return bool(rest)


def _short(rest: str) -> bool:
    return 0 < len(rest.split()) <= 3


def _long(rest: str) -> bool:
    return len(sentences_of(rest)) > 1


@dataclass(frozen=True, slots=True)
class TextWork:
    """One thing to do to a text.

    `apart` recognises an instruction whose text is given apart: it must consist of the instruction
    alone. `joined` recognises one that its text follows directly, which counts when `enough` says
    that it looks like a text and not like more of a question; without `enough` it never does.
    """

    apart: re.Pattern[str]
    joined: re.Pattern[str]
    enough: Callable[[str], bool] | None
    work: change.Work

    def __call__(self, conversation: Conversation) -> Reply | None:
        """The result, or None when this was not asked for or there is no text."""
        text = self._text(conversation)
        return Reply(self.work(conversation, text)) if text else None

    def _text(self, conversation: Conversation) -> str:
        if conversation.text:
            return conversation.text if self.apart.fullmatch(conversation.instruction) else ""
        if self.apart.fullmatch(conversation.instruction):
            answers = conversation.said_by(ChatRole.ASSISTANT)
            return answers[-1] if answers else ""
        found = self.joined.match(conversation.opening)
        if found is None or self.enough is None:
            return ""
        rest = conversation.plain[found.end() :].strip()
        return rest if self.enough(rest) else ""


def _rule(key: str, work: change.Work, enough: Callable[[str], bool] | None = None) -> TextWork:
    asked = rf"{_LEAD}{_POINTINGS}(?:{key})\b"
    return TextWork(
        apart=re.compile(rf"{asked}[\s,.!?]*{_POINTINGS}", re.IGNORECASE),
        joined=re.compile(asked, re.IGNORECASE),
        enough=enough,
        work=work,
    )


_COUNT = r"(?:count|number of|how many|(?:со|под|по)считай|сколько)\s+(?:the\s+)?(?:number of\s+)?(?:all\s+)?"
_FIND = (
    r"(?:extract|find|pull|get|list|извлеки|найди|выпиши|достань)\s+(?:out\s+)?(?:all\s+|все\s+)?(?:the\s+)?"
)
_LENGTH = r"(?:[\w\s]{0,20}?\b(?:in|to|до|в)\s+\d{1,2}\s+(?:sentences?|предложени\w+))?"

RULES: tuple[TextWork, ...] = (
    _rule(
        r"title[\s-]?cased?|capitali[sz]e|кажд\w+ слово с (?:заглавной|большой)(?: буквы)?",
        change.title_case,
        _always,
    ),
    _rule(
        r"upper[\s-]?cased?|all caps|capital letters|верхн\w+ регистр\w*|(?:заглавн|больш)ыми(?: буквами)?|капсом",
        change.upper_case,
        _always,
    ),
    _rule(
        r"lower[\s-]?cased?|small letters|нижн\w+ регистр\w*|(?:строчн|маленьк)[иы]ми(?: буквами)?",
        change.lower_case,
        _always,
    ),
    _rule(r"reverse (?:the )?(?:order of )?(?:the )?words", change.reverse_words),
    _rule(r"reversed?|backwards?|переверни|развернн?и|наоборот|задом наперед", change.reverse, _always),
    _rule(rf"{_COUNT}(?:words?|слов\w*)", change.count_words),
    _rule(rf"{_COUNT}(?:characters?|letters?|symbols?|символ\w*|знак\w*|букв\w*)", change.count_characters),
    _rule(rf"{_COUNT}(?:lines?|строк\w*)", change.count_lines),
    _rule(
        rf"(?:summar(?:y|i[sz]e)|tl;?dr|shorten|сократи|кратко|(?:краткое )?резюме|подытожь|перескажи){_LENGTH}",
        change.shorten,
        _long,
    ),
    _rule(rf"{_FIND}(?:numbers?|digits?|числ\w*|цифр\w*)", change.numbers),
    _rule(rf"{_FIND}(?:e-?mails?(?: addresses)?|почт\w*|адреса(?: почты)?)", change.emails),
    _rule(rf"{_FIND}(?:urls?|links?|ссылки)", change.links),
    _rule(
        r"sort|order alphabetically|отсортируй|(?:расставь )?по алфавиту|упорядочь",
        change.sort_items,
    ),
    _rule(r"numbered list|number|нумерованн\w+ спис\w+|пронумеруй", change.numbered),
    _rule(r"bullet(?:s|ed list|ed| points?)?|list|(?:маркированн\w+ )?спис\w+|перечисли", change.bullets),
    _rule(r"repeat|echo|повтори", change.same, _always),
    _rule(r"say|скажи", change.same, _short),
)
"""In this order: the first that fits does the work."""

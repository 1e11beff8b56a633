"""What the offline model can do to a text: pure functions from the text to the answer."""

from __future__ import annotations

import re
from collections.abc import Callable

from integrations.models.offline.conversation import Conversation
from integrations.models.offline.summary import DEFAULT_SENTENCES, summarise

Work = Callable[[Conversation, str], str]
"""The answer to a conversation whose question gives a text."""

_WORD = re.compile(r"[^\W\d_][\w'’]*")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_NUMBER = re.compile(r"(?<![\w.,])-?\d+(?:[.,]\d+)*")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_LINK = re.compile(r"https?://[^\s<>\"')\]]+[^\s<>\"')\].,;:!?]")
_IN_SENTENCES = re.compile(r"\b(\d{1,2})\s+(?:sentences?|предложени\w+)")


def upper_case(_: Conversation, text: str) -> str:
    """All letters capital."""
    return text.upper()


def lower_case(_: Conversation, text: str) -> str:
    """All letters small."""
    return text.lower()


def title_case(_: Conversation, text: str) -> str:
    """Each word with one capital."""
    return _WORD.sub(lambda word: word[0][:1].upper() + word[0][1:].lower(), text)


def reverse(_: Conversation, text: str) -> str:
    """The characters from last to first."""
    return text[::-1]


def reverse_words(_: Conversation, text: str) -> str:
    """The words from last to first."""
    return " ".join(reversed(text.split()))


def same(_: Conversation, text: str) -> str:
    """The text itself."""
    return text


def count_words(conversation: Conversation, text: str) -> str:
    """How many words, by the spaces between them."""
    count = len(text.split())
    return conversation.say(en=f"Words: {count}", ru=f"Слов: {count}")


def count_characters(conversation: Conversation, text: str) -> str:
    """How many characters, with and without white space."""
    spaceless = sum(not character.isspace() for character in text)
    return conversation.say(
        en=f"Characters: {len(text)} ({spaceless} without spaces)",
        ru=f"Символов: {len(text)} (без пробелов {spaceless})",
    )


def count_lines(conversation: Conversation, text: str) -> str:
    """How many lines."""
    count = len(text.splitlines())
    return conversation.say(en=f"Lines: {count}", ru=f"Строк: {count}")


def shorten(conversation: Conversation, text: str) -> str:
    """The most telling sentences; as many as the instruction says."""
    wanted = _IN_SENTENCES.search(conversation.instruction)
    return summarise(text, sentences=int(wanted[1]) if wanted else DEFAULT_SENTENCES) or text


def bullets(_: Conversation, text: str) -> str:
    """One bullet for each item."""
    return "\n".join(f"- {item}" for item in _items(text))


def numbered(_: Conversation, text: str) -> str:
    """One numbered line for each item."""
    return "\n".join(f"{number}. {item}" for number, item in enumerate(_items(text), start=1))


def sort_items(_: Conversation, text: str) -> str:
    """The lines, or the items of a single line, in alphabetical order."""
    joint = "\n" if len(text.splitlines()) > 1 else ", "
    return joint.join(sorted(_items(text), key=str.casefold))


def numbers(conversation: Conversation, text: str) -> str:
    """Each number once, in order."""
    return _once(conversation, _NUMBER.findall(text))


def emails(conversation: Conversation, text: str) -> str:
    """Each e-mail address once, in order."""
    return _once(conversation, _EMAIL.findall(text))


def links(conversation: Conversation, text: str) -> str:
    """Each link once, in order."""
    return _once(conversation, _LINK.findall(text))


def _once(conversation: Conversation, found: list[str]) -> str:
    return "\n".join(dict.fromkeys(found)) or conversation.say(
        en="There are none in the text.", ru="В тексте их нет."
    )


def _items(text: str) -> list[str]:
    """The lines without bullets, or the parts of a single line between its semicolons or commas."""
    lines = text.splitlines()
    if len(lines) == 1:
        lines = text.strip().rstrip(".").split(";" if ";" in text else ",")
    return [item for line in lines if (item := _BULLET.sub("", line).strip())]

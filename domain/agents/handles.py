"""Handles: how agents are called, derived, compared and found at the beginning of a message (spec S2, S3)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from domain.fields import Fields
from domain.folding import composed, folded

MAX_HANDLE = 40
NAMELESS = "agent"
"""What is derived from a name without a letter or digit."""

_RULE = f"A handle has 1 to {MAX_HANDLE} letters, digits, _ and -."
_MENTION = re.compile(r"\s*@(?P<handle>[\w-]+)(?P<rest>.*)", re.DOTALL)
_SEPARATORS = " \t\r\n,.:;!?—–"


@dataclass(frozen=True, slots=True)
class Mention:
    """A message's leading `@handle` as it was written, and the text behind it."""

    handle: str
    rest: str


def derived(name: str) -> str:
    """A handle from a display name: "Мой кодер" becomes "Мой_кодер"."""
    kept = "".join(c if _is_allowed(c) else " " for c in composed(name))
    return "_".join(kept.split())[:MAX_HANDLE].strip("_-") or NAMELESS


def unique(handle: str, taken: Collection[str]) -> str:
    """The handle, or the first of handle_2, handle_3, ... that is not among the folded handles `taken`."""
    candidate, number = handle, 1
    while folded(candidate) in taken:
        number += 1
        suffix = f"_{number}"
        candidate = handle[: MAX_HANDLE - len(suffix)] + suffix
    return candidate


def checked(handle: str, fields: Fields) -> str:
    """A handle that the user chose, in NFC and without a leading @; a problem is noted at `handle`."""
    plain = composed(handle.strip().removeprefix("@"))
    if not is_handle(plain):
        fields.refuse(_RULE, "handle")
    return plain


def is_handle(text: str) -> bool:
    """Whether the text has the form of a handle."""
    return 1 <= len(text) <= MAX_HANDLE and all(map(_is_allowed, text))


def sought(target: str) -> str | None:
    """What to look for when someone names a handle, with or without @; None when it can't be one."""
    plain = composed(target.strip().removeprefix("@"))
    return folded(plain) if is_handle(plain) else None


def leading(content: str) -> Mention | None:
    """The `@handle` that a message begins with, if it does. It may be nobody's."""
    found = _MENTION.match(composed(content))
    if found is None or found["rest"].startswith("@"):
        return None
    return Mention(found["handle"], found["rest"].lstrip(_SEPARATORS))


def _is_allowed(character: str) -> bool:
    """Letters of any script, decimal digits, _ and -."""
    return character in "_-" or unicodedata.category(character)[0] == "L" or character.isdecimal()

"""When two names count as the same: after NFC and case folding (spec S2)."""

from __future__ import annotations

import unicodedata


def composed(text: str) -> str:
    """The text in NFC, in which it is stored and shown."""
    return unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """What is compared instead of the text; folding it again changes nothing."""
    before, after = "", text
    while before != after:
        before, after = after, composed(composed(after).casefold())
    return after

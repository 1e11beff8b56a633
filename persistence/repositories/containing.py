"""Searching in stored text: the pattern of what contains something."""

from __future__ import annotations

from domain.folding import folded


def containing(search: str) -> str:
    """The LIKE pattern, with / as its escape, of folded texts that contain the text.

    Characters that no stored text can have are ignored.
    """
    text = folded(search.encode(errors="ignore").decode().replace("\0", ""))
    for special in "/%_":
        text = text.replace(special, f"/{special}")
    return f"%{text}%"

"""Bounds of what people send; each is named in the message that refuses it."""

from __future__ import annotations

from domain.errors import FieldProblem, Invalid

MAX_CONTENT = 100_000
MAX_TITLE = 200
MAX_KEY = 200
MAX_WAIT_S = 30.0


def checked_content(content: str, *, path: str = "content") -> str:
    """A message's text.

    Raises:
        Invalid: empty, too long, or with characters that no store keeps.
    """
    if not content.strip():
        raise Invalid(FieldProblem((path,), "A message can't be empty."))
    if len(content) > MAX_CONTENT:
        raise Invalid(
            FieldProblem((path,), f"A message has at most {MAX_CONTENT} characters; this has {len(content)}.")
        )
    return storable(content, path)


def checked_title(title: str) -> str:
    """A session's title, trimmed.

    Raises:
        Invalid: empty, too long, or with characters that no store keeps.
    """
    title = title.strip()
    if not title:
        raise Invalid(FieldProblem(("title",), "A title can't be empty."))
    if len(title) > MAX_TITLE:
        raise Invalid(FieldProblem(("title",), f"A title has at most {MAX_TITLE} characters."))
    return storable(title, "title")


def checked_key(key: str) -> str:
    """An idempotency key.

    Raises:
        Invalid: empty, too long, or with characters that no store keeps.
    """
    if not key or len(key) > MAX_KEY:
        raise Invalid(FieldProblem(("idempotencyKey",), f"An idempotency key has 1 to {MAX_KEY} characters."))
    return storable(key, "idempotencyKey")


def checked_wait(seconds: float | None) -> float:
    """How long to wait for an answer, 0 when not asked to.

    Raises:
        Invalid: negative, more than 30 s, or not a number.
    """
    if seconds is None:
        return 0.0
    if not 0 <= seconds <= MAX_WAIT_S:
        raise Invalid(FieldProblem(("waitSeconds",), f"Waiting takes 0 to {MAX_WAIT_S:.0f} seconds."))
    return seconds


def storable(text: str, path: str) -> str:
    """The text, refused when it holds what PostgreSQL can't store: NUL, or half of a surrogate pair."""
    if "\0" in text:
        raise Invalid(FieldProblem((path,), "Text can't contain the NUL character."))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Invalid(FieldProblem((path,), "Text can't contain half of a surrogate pair.")) from error
    return text

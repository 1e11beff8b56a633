"""What keeps secrets and people's words out of the log, whoever writes the line."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import date
from numbers import Number
from pathlib import Path
from types import TracebackType
from uuid import UUID

REDACTED = "[redacted]"
MAX_TEXT = 500
MAX_FRAMES = 20
MAX_DEPTH = 4
_WORDS = frozenset(
    {"answer", "body", "content", "document", "email", "excerpt", "message", "messages", "prompt", "query"}
    | {"question", "system_prompt", "text", "title", "user_agent", "variables"}
)
"""Keys under which people's words or their addresses might stand."""
_SECRETS = re.compile(
    r"(^|_)(api_?key|authorization|bearer|cookies?|credentials?|jwt|passw(or)?d|secrets?|token)(_|$)"
)
_PATTERNS = (
    (re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), REDACTED),  # a JSON Web Token
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), REDACTED),
    (re.compile(r"\bsk-[\w-]{8,}"), REDACTED),  # keys of model providers
    (re.compile(r"(?<=://)[^/\s@]+@"), f"{REDACTED}@"),  # user and password in a URL
    (re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{40,}"), REDACTED),  # random tokens
)
_ABOUT_CODE = (AttributeError, ImportError, NameError, NotImplementedError, TypeError)
"""Failures whose messages name parts of programs, never what programs work on."""
_FOREIGN_FIRST_LINE = "asyncio"
"""Its messages go on with the reprs of futures, which hold the messages of exceptions."""


def redact(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Replace what must not be written; a structlog processor, the last before rendering."""
    if event.get("logger") == _FOREIGN_FIRST_LINE:
        event["event"] = str(event.get("event", "")).split("\n", 1)[0]
    for key, value in list(event.items()):
        if value is None:
            del event[key]
        elif key == "exception":
            event[key] = _scrubbed(str(value))
        else:
            event[key] = _value(key, value, depth=0)
    return event


def _value(key: str, value: object, *, depth: int) -> object:
    name = key.lower().replace("-", "_")
    if isinstance(value, bool | Number) or value is None:
        return value
    if name in _WORDS or _SECRETS.search(name):
        return REDACTED
    return _content(value, depth=depth)


def _content(value: object, *, depth: int) -> object:
    match value:
        case str():
            return _cut(_scrubbed(value))
        case bool() | Number() | None:
            return value
        case UUID() | date() | Path():
            return str(value)
        case Mapping() if depth < MAX_DEPTH:
            return {str(key): _value(str(key), it, depth=depth + 1) for key, it in value.items()}
        case list() | tuple() | set() | frozenset() if depth < MAX_DEPTH:
            return [_content(it, depth=depth + 1) for it in value]
        case _:
            return f"<{type(value).__name__}>"  # a repr might tell everything


def _scrubbed(text: str) -> str:
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text)} characters)"


def describe_exception(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Turn `exc_info` into types and places; messages are left out, for they quote what was worked on."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = "\n".join(_described(error, seen=set()))
    return event


def _described(error: BaseException, *, seen: set[int]) -> Iterator[str]:
    if id(error) in seen:
        return
    seen.add(id(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _described(cause, seen=seen)
        yield "which led to:"
    yield f"{type(error).__module__}.{type(error).__qualname__}{_detail(error)}"
    yield from _frames(error.__traceback__)
    if isinstance(error, BaseExceptionGroup):
        for number, inner in enumerate(error.exceptions, start=1):
            yield f"with {number} of {len(error.exceptions)}:"
            yield from _described(inner, seen=seen)


def _detail(error: BaseException) -> str:
    """The part of a failure's description that can't quote anyone."""
    if isinstance(error, OSError):
        return f": {error.strerror}" if error.strerror else ""
    if isinstance(error, _ABOUT_CODE):
        return f": {error}"
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return f": SQLSTATE {state}" if state else ""


def _frames(trace: TracebackType | None) -> Iterator[str]:
    frames = traceback.StackSummary.extract(traceback.walk_tb(trace), lookup_lines=False)
    for frame in frames[-MAX_FRAMES:]:
        place = frame.filename.rpartition("site-packages/")[2]
        yield f"  {place}:{frame.lineno} in {frame.name}"

"""The page of settings in the documentation, written from the settings themselves."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TypeVar

from pydantic.fields import FieldInfo

from graphql_api.app.setting_types import DefaultText, Unit
from graphql_api.app.settings import Settings, variable

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
_HEAD = """\
# Settings

CodeLab reads its settings from environment variables and from nowhere else. An empty variable counts as not set. The
server refuses to start, with a sentence for each problem and exit code 2, when a value is wrong, when a name that
begins with `CODELAB_` is not in this list, and when settings contradict each other.

This page is written by `codelab settings --write`.

| variable | default | unit | meaning |
|---|---|---|---|
"""

T = TypeVar("T")


def settings_page() -> str:
    """The page as it should be."""
    return _HEAD + "".join(_rows())


def _rows() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        unit = metadata(field, Unit)
        meaning = " ".join((field.description or "").split())
        yield f"| `{variable(name)}` | {default_text(field)} | {unit.name if unit else ''} | {meaning} |\n"


def default_text(field: FieldInfo) -> str:
    """A field's default in words."""
    if described := metadata(field, DefaultText):
        return described.text
    default: object = field.default
    if default in {None, ()}:
        return "none"
    value = default.value if isinstance(default, Enum) else default
    return f"`{value}`"


def metadata(field: FieldInfo, kind: type[T]) -> T | None:
    """The annotation of one kind on a field."""
    return next((it for it in field.metadata if isinstance(it, kind)), None)
